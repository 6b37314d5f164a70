/** Reads the expectation files of a folder, all of them or none. */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { Expectation } from '../decide/matching/expectation.ts'
import { UnderstudyError } from '../errors.ts'
import { type ListedFile, type Listing, reasonOf } from './folder-listing.ts'
import { readExpectations } from './load-expectations.ts'
import { quoted } from './problems.ts'

export interface ReadLimits {
  readonly fileBytes: number
  readonly totalBytes: number
  readonly expectations: number
}

/** What a file held when it was read last; of one with the same bytes this is what it holds. */
export type FileCache = ReadonlyMap<string, CachedFile>

interface CachedFile {
  readonly hash: string
  readonly expectations: readonly Expectation[]
}

export type FolderContent =
  | { readonly expectations: readonly Expectation[]; readonly cache: FileCache }
  /** A line for each. */
  | { readonly problems: readonly string[] }

/** As the listings of problems of single files. */
const MAX_LISTED = 100

/**
 * Yields after each file, for whoever has something else to do in between; what it returns at last is all that the files
 * hold, by their names and in their order, or everything that is wrong with any of them.
 */
export function* readFolder(
  path: string,
  listing: Listing,
  limits: ReadLimits,
  cache: FileCache,
): Generator<undefined, FolderContent> {
  const problems: string[] = [...listing.problems]
  const read = new Map<string, CachedFile>()
  let total = 0
  for (const file of listing.files) {
    total += file.bytes
    if (total > limits.totalBytes) {
      problems.push(`${path}: the files are larger than ${limits.totalBytes} bytes together`)
      break
    }
    const found = readOne(join(path, file.name), file, limits.fileBytes, cache.get(file.name))
    if ('problems' in found) problems.push(...found.problems)
    else read.set(file.name, found)
    yield
  }
  const expectations = [...read.values()].flatMap((file) => file.expectations)
  if (expectations.length > limits.expectations) {
    problems.push(
      `${path}: ${expectations.length} expectations, and ${limits.expectations} is the most (maxExpectations)`,
    )
  }
  problems.push(...doubled(path, read))
  return problems.length > 0 ? { problems: bounded(problems) } : { expectations, cache: read }
}

function readOne(
  path: string,
  { realPath }: ListedFile,
  most: number,
  known: CachedFile | undefined,
): CachedFile | { readonly problems: readonly string[] } {
  try {
    const bytes = readBytes(realPath, most)
    if (!bytes) return { problems: [`${path}: it is larger than ${most} bytes`] }
    const hash = createHash('sha256').update(bytes).digest('base64')
    if (known?.hash === hash) return known
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return { hash, expectations: readExpectations(path, text) }
  } catch (error) {
    if (error instanceof UnderstudyError) return { problems: error.message.split('\n') }
    if (error instanceof TypeError) return { problems: [`${path}: it is not UTF-8 text`] }
    return { problems: [`${path}: cannot be read: ${reasonOf(error)}`] }
  }
}

/** Undefined if there are more. What has become a link or a pipe since it was listed is not followed, nor waited for. */
function readBytes(path: string, most: number): Buffer | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    if (!fstatSync(fd).isFile()) throw new Error('it is no file')
    const chunks: Buffer[] = []
    let total = 0
    while (total <= most) {
      const chunk = Buffer.allocUnsafe(65_536)
      const count = readSync(fd, chunk)
      if (count === 0) return Buffer.concat(chunks, total)
      chunks.push(chunk.subarray(0, count))
      total += count
    }
    return undefined
  } finally {
    closeSync(fd)
  }
}

/** Ids that are given more than once; not many more than are listed. */
function doubled(path: string, read: ReadonlyMap<string, CachedFile>): string[] {
  const owners = new Map<string, string>()
  const lines: string[] = []
  for (const [name, { expectations }] of read) {
    for (const { id } of expectations) {
      const owner = owners.get(id)
      if (owner === undefined) owners.set(id, name)
      else {
        const where = owner === name ? 'given twice' : `in ${owner} too`
        lines.push(`${join(path, name)}: the id ${quoted(id)} is ${where}; ids are unique in a folder`)
      }
      if (lines.length > 2 * MAX_LISTED) return lines
    }
  }
  return lines
}

function bounded(lines: readonly string[]): readonly string[] {
  if (lines.length <= MAX_LISTED) return lines
  return [...lines.slice(0, MAX_LISTED), `… and ${lines.length - MAX_LISTED} more`]
}
