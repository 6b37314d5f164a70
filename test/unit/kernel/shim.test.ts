import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { UnderstudyError } from '../../../src/errors.ts'
import { errorName, loadShim } from '../../../src/kernel/shim.ts'

const codeOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof UnderstudyError) return `${error.code}: ${error.remedy}`
    throw error
  }
  return 'nothing was thrown'
}

test('a library that is not there is not built', () => {
  assert.match(
    codeOf(() => loadShim('/there/is/none.so')),
    /^NOT_BUILT: .*make native/,
  )
})

test('a library that is not one cannot be loaded', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-shim-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'libunderstudy.so')
  writeFileSync(path, 'not a library')
  assert.match(
    codeOf(() => loadShim(path)),
    /^NOT_BUILT: .*libbpf/,
  )
})

test('an errno has its name, and a code of libbpf its number', () => {
  assert.equal(errorName(-1), 'EPERM')
  assert.equal(errorName(-24), 'EMFILE')
  assert.equal(errorName(-4003), 'error 4003')
})
