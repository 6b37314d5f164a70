import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ERRORS, type ErrorClass, EXIT_CODES } from '../../src/errors.ts'

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')

/** Code → [class, exit code, meaning, remedy] of every row of the page's table of codes. */
const rows = new Map(
  [...page.matchAll(/^\| `([A-Z_0-9]+)` \|(.*)\|$/gm)].map(([, code = '', rest = '']) => {
    return [code, rest.split('|').map((cell) => cell.trim())] as const
  }),
)

test('docs/errors.md has a row for every code', () => {
  assert.deepEqual(
    Object.keys(ERRORS).filter((code) => !rows.has(code)),
    [],
  )
})

test('docs/errors.md has no row for a code that does not exist', () => {
  assert.deepEqual(
    [...rows.keys()].filter((code) => !Object.hasOwn(ERRORS, code)),
    [],
  )
})

test('every row states the class and the exit code of the table, a meaning and a remedy', () => {
  for (const [code, errorClass] of Object.entries(ERRORS)) {
    const [statedClass, exitCode, meaning = '', remedy = ''] = rows.get(code) ?? []
    assert.equal(statedClass, errorClass, code)
    assert.equal(exitCode, String(EXIT_CODES[errorClass as ErrorClass]), code)
    assert.ok(meaning.length > 10 && remedy.length > 10, code)
  }
})

test('every exit code of ours is explained', () => {
  for (const exitCode of Object.values(EXIT_CODES)) assert.match(page, new RegExp(`^\\| ${exitCode} \\|`, 'm'))
})
