/**
 * Container images made of what is installed here: an OCI image layout as a tar file, kept in build/ until what is in it
 * changes. Nothing is fetched.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ImageName } from './interface.ts'
import { file, type TarEntry, tarBytes, writeTarFile } from './tar.ts'

const FOLDER = fileURLToPath(new URL('../../../build', import.meta.url))
const PREFIX = 'mini-node-images-'
/** Changes with what this file writes. */
const FORM = '2'
export const IMAGES: readonly ImageName[] = ['busybox', 'node']
const BUSYBOX = '/bin/busybox'
const NODE = realpathSync(process.execPath)
const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch
const FOLDERS = [
  'bin',
  'dev',
  'etc',
  'proc',
  'root',
  'run',
  'sys',
  'tmp',
  'usr',
  'usr/bin',
  'usr/local',
  'usr/local/bin',
]

/** A file of the machine in a container, as the runtime's interface has it. */
export interface Mount {
  readonly container_path: string
  readonly host_path: string
  readonly readonly: boolean
}

/** What the runtime calls an image. */
export const imageReference = (name: ImageName): string => `localhost/mini-node/${name}:1`

const output = (program: string, argv: readonly string[]): string => {
  const result = spawnSync(program, argv, { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`${program} ${argv.join(' ')}: ${result.stderr || result.error}`)
  return result.stdout
}

/** The loader and the libraries of a program: path as it is looked for → the file here. */
const librariesOf = (program: string): Map<string, string> =>
  new Map(
    output('ldd', [program])
      .split('\n')
      .map((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1])
      .filter((path) => path !== undefined)
      .map((path) => [path, realpathSync(path)]),
  )

const busyboxLayer = (): TarEntry[] => {
  const applets = output(BUSYBOX, ['--list']).trim().split('\n')
  return [
    ...FOLDERS.map((path): TarEntry => ({ path: `${path}/`, kind: 'folder', mode: path === 'tmp' ? 0o1777 : 0o755 })),
    file('bin/busybox', BUSYBOX),
    ...applets
      .filter((applet) => applet !== 'busybox')
      .map((applet): TarEntry => ({ path: `bin/${applet}`, kind: 'link', target: 'busybox' })),
    { path: 'etc/passwd', kind: 'file', content: Buffer.from('root:x:0:0:root:/root:/bin/sh\n'), mode: 0o644 },
    { path: 'etc/group', kind: 'file', content: Buffer.from('root:x:0:\n'), mode: 0o644 },
  ]
}

let nodeMounts: readonly Mount[] | undefined

/**
 * What a container of the `node` image has beside the image: this Node.js and its libraries, read-only. As a layer they
 * would be a hundred and fifty megabytes to copy, two seconds for each node that is started.
 */
export const imageMounts = (name: ImageName): readonly Mount[] => {
  if (name === 'busybox') return []
  const readonly = true
  nodeMounts ??= [
    { container_path: '/usr/local/bin/node', host_path: NODE, readonly },
    ...[...librariesOf(NODE)].map(([path, source]) => ({ container_path: path, host_path: source, readonly })),
  ]
  return nodeMounts
}

interface Blob {
  readonly digest: string
  readonly bytes: Buffer
}

const blob = (bytes: Buffer): Blob => ({ digest: createHash('sha256').update(bytes).digest('hex'), bytes })

const descriptor = ({ digest, bytes }: Blob, mediaType: string, annotations?: Record<string, string>) => ({
  mediaType,
  digest: `sha256:${digest}`,
  size: bytes.length,
  ...(annotations ? { annotations } : {}),
})

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

const layout = (layer: Blob): TarEntry[] => {
  const config = blob(
    json({
      architecture: ARCHITECTURE,
      os: 'linux',
      // What a sandbox runs: it only has to stay.
      config: { Env: ['PATH=/usr/local/bin:/usr/bin:/bin'], Cmd: ['/bin/sleep', '2147483647'], WorkingDir: '/' },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layer.digest}`] },
    }),
  )
  const manifest = blob(
    json({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: descriptor(config, 'application/vnd.oci.image.config.v1+json'),
      layers: [descriptor(layer, 'application/vnd.oci.image.layer.v1.tar')],
    }),
  )
  const index = {
    schemaVersion: 2,
    manifests: IMAGES.map((name) =>
      descriptor(manifest, 'application/vnd.oci.image.manifest.v1+json', {
        'io.containerd.image.name': imageReference(name),
      }),
    ),
  }
  return [
    { path: 'oci-layout', kind: 'file', content: json({ imageLayoutVersion: '1.0.0' }), mode: 0o644 },
    { path: 'index.json', kind: 'file', content: json(index), mode: 0o644 },
    { path: 'blobs/', kind: 'folder' },
    { path: 'blobs/sha256/', kind: 'folder' },
    ...[layer, config, manifest].map(
      ({ digest, bytes }): TarEntry => ({ path: `blobs/sha256/${digest}`, kind: 'file', content: bytes, mode: 0o644 }),
    ),
  ]
}

/** The path of the tar file with every image, written if it is not there yet; older ones are removed. */
export const imageFile = (): string => {
  const { size, mtimeMs } = statSync(BUSYBOX)
  const key = createHash('sha256').update(`${FORM} ${size} ${mtimeMs}`).digest('hex').slice(0, 16)
  const path = join(FOLDER, `${PREFIX}${key}.tar`)
  if (existsSync(path)) return path
  mkdirSync(FOLDER, { recursive: true })
  const unfinished = `${path}.${process.pid}`
  writeTarFile(unfinished, layout(blob(tarBytes(busyboxLayer()))))
  for (const other of readdirSync(FOLDER)) {
    if (other.startsWith(PREFIX) && other.endsWith('.tar')) rmSync(join(FOLDER, other), { force: true })
  }
  renameSync(unfinished, path)
  return path
}
