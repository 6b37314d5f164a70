import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { test } from 'node:test'
import { filesUnder, read, withoutComments } from './tree.ts'

const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|bench|bpf|d))?\.(ts|js|c|h|sh)$/
/** Words that say nothing about what a file is for. */
const EMPTY_WORDS = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'manager', 'misc', 'index'])

const code = ['src', 'test', 'bpf', 'native', 'bench', 'scripts', 'examples'].flatMap((folder) =>
  filesUnder(folder, /\.(ts|js|mjs|c|h|sh)$/),
)

test('files of code are named in kebab-case', () => {
  assert.deepEqual(
    code.filter((path) => !KEBAB.test(basename(path))),
    [],
  )
})

test('no file or folder has a name that says nothing', () => {
  assert.deepEqual(
    code.filter((path) => path.split(/[/.-]/).some((word) => EMPTY_WORDS.has(word))),
    [],
  )
})

test('there are no default exports', () => {
  const sources = code.filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts') && path.startsWith('src/'))
  assert.deepEqual(
    sources.filter((path) => /^export default\b/m.test(withoutComments(read(path)))),
    [],
  )
})
