/** Which files of a folder hold expectations; nothing is opened. Made for what Kubernetes mounts, where files are links into `..data`. */
import { lstatSync, opendirSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { quoted } from './problems.ts'

export interface ListedFile {
  readonly name: string
  /** With all links followed. */
  readonly realPath: string
  readonly bytes: number
  /** Tells one state of the file from another. */
  readonly stamp: string
}

/** One state of a folder. */
export interface Listing {
  /** By name. */
  readonly files: readonly ListedFile[]
  /** The folder itself cannot be listed; the one problem says why. */
  readonly isUnreadable: boolean
  /** Why this is no state to take over. */
  readonly problems: readonly string[]
  /** What was left out. */
  readonly warnings: readonly string[]
  /** Tells one state of the folder from another. */
  readonly stamp: string
}

export interface ListingLimits {
  /** Entries of any kind that are looked at. */
  readonly entries: number
  readonly files: number
}

const NAME = /\.(?:yaml|yml|json)$/
const UNSHOWN = /\p{C}/u
const DATA = '..data'

/** Lists the folder as it is now. Never throws. */
export function listFolder(path: string, limits: ListingLimits): Listing {
  const problems: string[] = []
  const warnings: string[] = []
  const files: ListedFile[] = []
  let data = ''
  let isUnreadable = false
  try {
    const root = realpathSync(path)
    data = dataOf(root)
    const names = namesIn(root, limits.entries)
    if (!names) problems.push(`${path}: more than ${limits.entries} entries; give a folder of its own`)
    const wanted = (names ?? []).filter((name) => NAME.test(name) && !name.startsWith('.')).sort()
    if (wanted.length > limits.files) problems.push(`${path}: ${wanted.length} files, and ${limits.files} is the most`)
    for (const name of wanted.slice(0, limits.files)) {
      const found = examined(root, name)
      if ('file' in found) files.push(found.file)
      else if ('problem' in found) problems.push(`${path}: ${found.problem}`)
      else warnings.push(`${path}: ${found.warning}`)
    }
  } catch (error) {
    isUnreadable = true
    problems.push(`${path}: cannot be read: ${reasonOf(error)}`)
  }
  const stamp = JSON.stringify([data, files.map((file) => [file.name, file.realPath, file.stamp]), problems, warnings])
  return { files, isUnreadable, problems, warnings, stamp }
}

/** Where `..data` leads to; nowhere in a plain folder. */
function dataOf(root: string): string {
  try {
    return readlinkSync(join(root, DATA))
  } catch {
    return ''
  }
}

/** Undefined if there are more than `most`. */
function namesIn(root: string, most: number): string[] | undefined {
  const folder = opendirSync(root)
  try {
    const names: string[] = []
    for (let entry = folder.readSync(); entry; entry = folder.readSync()) {
      if (names.length === most) return undefined
      names.push(entry.name)
    }
    return names
  } finally {
    folder.closeSync()
  }
}

type Examined = { readonly file: ListedFile } | { readonly problem: string } | { readonly warning: string }

function examined(root: string, name: string): Examined {
  if (UNSHOWN.test(name))
    return { warning: `${quoted(name)} is left out: its name has characters that cannot be shown` }
  try {
    const path = join(root, name)
    const isLink = lstatSync(path).isSymbolicLink()
    const realPath = isLink ? realpathSync(path) : path
    if (!realPath.startsWith(root.endsWith(sep) ? root : root + sep)) {
      return { problem: `${quoted(name)} is a link that leads out of the folder` }
    }
    const { dev, ino, size, mtimeNs, ctimeNs, ...stat } = statSync(realPath, { bigint: true })
    if (!isFile(stat.mode)) return { warning: `${quoted(name)} is left out: it is no file` }
    return { file: { name, realPath, bytes: Number(size), stamp: [dev, ino, size, mtimeNs, ctimeNs].join(':') } }
  } catch (error) {
    return { problem: `${quoted(name)} cannot be read: ${reasonOf(error)}` }
  }
}

/** S_IFREG of inode(7). */
const isFile = (mode: bigint): boolean => (mode & 0o170000n) === 0o100000n

/** The system's name for what went wrong; its texts name paths of ours. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  if (code === 'ENOENT') return 'it is not there'
  return code ?? (error instanceof Error ? error.message : String(error))
}
