/**
 * Follows the Dockerfile without a container engine: every stage is a folder, COPY copies into it, RUN runs there, and
 * what apt-get would install has to be on this machine already. Then the program is started from what has come out.
 *   node scripts/assemble-image.ts FOLDER     FOLDER must not exist; npm fetches the modules
 * It proves that the commands and the copies fit together; not that the base image has what they need.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { copyOf, stagesOf } from '../test/support/dockerfile.ts'

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url))
const CACHE_PROOF = 'build/compile-cache'

const run = (command: string, cwd: string): void => {
  console.log(`$ ${command}`)
  execFileSync('sh', ['-c', command], { cwd, stdio: 'inherit' })
}

/** The command less its part that changes the system: what is before the first `&&` that is not about apt or its files. */
const withoutSystem = (command: string): string =>
  command
    .split(' && ')
    .filter((part) => !/^(?:apt-get |rm -rf \/)/.test(part))
    .join(' && ')

const [target] = process.argv.slice(2)
if (target === undefined || existsSync(target)) {
  console.error('usage: node scripts/assemble-image.ts FOLDER, which must not exist')
  process.exit(2)
}

const rootOf = (stage: string): string => resolve(target, stage)
const stages = stagesOf(readFileSync(join(CHECKOUT, 'Dockerfile'), 'utf8'))
let root = ''
let folder = ''
for (const [i, { name, instructions }] of stages.entries()) {
  root = rootOf(name ?? String(i))
  console.log(`== ${name ?? 'the image'}`)
  mkdirSync(root, { recursive: true })
  folder = root
  for (const { name: what, text } of instructions) {
    if (what === 'WORKDIR') {
      folder = join(root, text)
      mkdirSync(folder, { recursive: true })
    } else if (what === 'COPY') {
      const { from, sources, to } = copyOf(text)
      for (const source of sources) {
        const path = join(from === undefined ? CHECKOUT : rootOf(from), source)
        const intoFolder = to.endsWith('/')
        cpSync(path, intoFolder ? join(folder, to, source.split('/').at(-1) ?? '') : join(folder, to), {
          recursive: true,
          verbatimSymlinks: true,
        })
      }
    } else if (what === 'RUN') {
      const command = withoutSystem(text)
      if (command !== '') run(command, folder)
    }
  }
}
run('bin/understudy --version && bin/understudy doctor | head -n 3', folder)
run(`du -sh . src build node_modules ${CACHE_PROOF}`, folder)
