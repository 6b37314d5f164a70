/** Where the parts of this installation lie. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** What has to be built before anything can be intercepted. */
export const PATHS = {
  bpfObject: join(root, 'build/understudy.bpf.o'),
  inboundObject: join(root, 'build/inbound.bpf.o'),
  shim: join(root, 'build/libunderstudy.so'),
  launcher: join(root, 'build/understudy-launch'),
}

/** This program's version, from package.json. */
export const version = (): string =>
  z.object({ version: z.string() }).parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))).version
