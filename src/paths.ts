/** Where the parts of this installation lie. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

export const PATHS = {
  bpfObject: join(root, 'build/understudy.bpf.o'),
  shim: join(root, 'build/libunderstudy.so'),
  launcher: join(root, 'build/understudy-launch'),
  compileCache: join(root, 'build/compile-cache'),
}

/** This program's version, from package.json. */
export const version = (): string =>
  z.object({ version: z.string() }).parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))).version
