import assert from 'node:assert/strict'
import { test } from 'node:test'
import { filesUnder, read } from './tree.ts'

const MAX_LINES = 400
const CODE = /\.(ts|c|h|sh)$/
/** Files whose brevity is the point. */
const SHORTER: Readonly<Record<string, number>> = { 'src/main.ts': 60, 'ARCHITECTURE.md': 200 }

const lineCount = (path: string): number => read(path).trimEnd().split('\n').length

test('no file of code is longer than 400 lines', () => {
  const folders = ['src', 'test', 'bpf', 'native', 'bench', 'scripts', 'examples']
  const long = folders
    .flatMap((folder) => filesUnder(folder, CODE))
    .filter((path) => lineCount(path) > MAX_LINES)
    .map((path) => `${path}: ${lineCount(path)}`)
  assert.deepEqual(long, [])
})

for (const [path, most] of Object.entries(SHORTER)) {
  test(`${path} stays within ${most} lines`, () => {
    assert.ok(lineCount(path) <= most, `${lineCount(path)} lines`)
  })
}
