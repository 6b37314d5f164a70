/** Writes tar archives (POSIX ustar) piece by piece: enough for layers of container images, and no more. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'

export type TarEntry =
  | { readonly path: string; readonly kind: 'folder'; readonly mode?: number }
  | { readonly path: string; readonly kind: 'file'; readonly content: Buffer; readonly mode?: number }
  | { readonly path: string; readonly kind: 'link'; readonly target: string }

const BLOCK = 512
const TYPES = { file: '0', link: '2', folder: '5' } as const
const MOST_NAME = 100

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`

const header = (entry: TarEntry): Buffer => {
  if (Buffer.byteLength(entry.path) > MOST_NAME) throw new Error(`${entry.path} is too long for a ustar name`)
  const block = Buffer.alloc(BLOCK)
  const mode = entry.kind === 'link' ? 0o777 : (entry.mode ?? 0o755)
  const fields: [number, string][] = [
    [0, entry.path],
    [100, octal(mode, 8)],
    [108, octal(0, 8)],
    [116, octal(0, 8)],
    [124, octal(entry.kind === 'file' ? entry.content.length : 0, 12)],
    [136, octal(0, 12)],
    [148, ' '.repeat(8)],
    [156, TYPES[entry.kind]],
    [157, entry.kind === 'link' ? entry.target : ''],
    [257, 'ustar\0'],
    [263, '00'],
  ]
  for (const [offset, text] of fields) block.write(text, offset, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** Calls `write` with the archive's bytes in order. */
export const writeTar = (entries: Iterable<TarEntry>, write: (bytes: Buffer) => void): void => {
  for (const entry of entries) {
    write(header(entry))
    if (entry.kind !== 'file') continue
    write(entry.content)
    write(Buffer.alloc((BLOCK - (entry.content.length % BLOCK)) % BLOCK))
  }
  write(Buffer.alloc(2 * BLOCK))
}

export const tarBytes = (entries: Iterable<TarEntry>): Buffer => {
  const pieces: Buffer[] = []
  writeTar(entries, (bytes) => pieces.push(bytes))
  return Buffer.concat(pieces)
}

export const writeTarFile = (path: string, entries: Iterable<TarEntry>): void => {
  const fd = openSync(path, 'w')
  try {
    writeTar(entries, (bytes) => {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    })
  } finally {
    closeSync(fd)
  }
}

export const file = (path: string, source: string): TarEntry => ({ path, kind: 'file', content: readFileSync(source) })
