/** A folder as kubelet mounts a ConfigMap: files are links into `..data`, which is a link that is replaced at once. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ConfigMap {
  readonly path: string
  /** Puts another content in the place of all there is. */
  write(files: Readonly<Record<string, string>>): void
  remove(): void
}

/** `path`: where to mount it; left out, in a temporary folder of its own. */
export function mountConfigMap(files: Readonly<Record<string, string>>, path?: string): ConfigMap {
  const folder = path ?? mkdtempSync(join(tmpdir(), 'config-map-'))
  mkdirSync(folder, { recursive: true })
  let version = 0
  const write = (next: Readonly<Record<string, string>>): void => {
    const old = readdirSync(folder).includes('..data') ? readlinkSync(join(folder, '..data')) : undefined
    const dated = `..2026_11_28_05_00_00.${++version}`
    mkdirSync(join(folder, dated))
    for (const [name, text] of Object.entries(next)) writeFileSync(join(folder, dated, name), text)
    symlinkSync(dated, join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    const names = readdirSync(folder).filter((name) => !name.startsWith('..'))
    for (const name of Object.keys(next)) {
      if (!names.includes(name)) symlinkSync(join('..data', name), join(folder, name))
    }
    for (const name of names) if (!Object.hasOwn(next, name)) rmSync(join(folder, name))
    if (old) rmSync(join(folder, old), { recursive: true })
  }
  write(files)
  return { path: folder, write, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
