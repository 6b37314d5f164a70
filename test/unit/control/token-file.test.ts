import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openTokenFile } from '../../../src/control/token-file.ts'

const folderFor = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-tokens-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

const scene = (t: TestContext, text: string) => {
  const path = join(folderFor(t), 'tokens')
  writeFileSync(path, text)
  const seen = { problems: 0 }
  return { path, seen, file: openTokenFile(path, () => seen.problems++) }
}

test('each line is a token, and only a whole one will do', (t) => {
  const { file } = scene(t, '\n one \ntwo\n\n')
  for (const given of ['Bearer one', 'bearer two', 'Bearer  one ']) assert.equal(file.isAuthorized(given), true, given)
  for (const given of [undefined, '', 'one', 'Basic one', 'Bearer', 'Bearer on', 'Bearer one two', 'Bearer  ']) {
    assert.equal(file.isAuthorized(given), false, String(given))
  }
})

test('a file that is swapped behind a link is read anew', (t) => {
  const folder = folderFor(t)
  for (const name of ['old', 'new']) writeFileSync(join(folder, name), name)
  const path = join(folder, 'link')
  symlinkSync(join(folder, 'old'), path)
  const file = openTokenFile(path, () => assert.fail('it can be read'))
  assert.equal(file.isAuthorized('Bearer old'), true)
  symlinkSync(join(folder, 'new'), join(folder, 'next'))
  renameSync(join(folder, 'next'), path)
  assert.deepEqual([file.isAuthorized('Bearer old'), file.isAuthorized('Bearer new')], [false, true])
})

test('a file that cannot be read or is empty lets nobody in, and is told of once', (t) => {
  const { path, file, seen } = scene(t, 'one')
  rmSync(path)
  for (let n = 0; n < 3; n++) assert.equal(file.isAuthorized('Bearer one'), false)
  assert.equal(seen.problems, 1)
  writeFileSync(path, '\n')
  assert.equal(file.isAuthorized('Bearer one'), false)
  writeFileSync(path, 'one')
  assert.equal(file.isAuthorized('Bearer one'), true)
  rmSync(path)
  assert.equal(file.isAuthorized('Bearer one'), false)
  assert.equal(seen.problems, 2)
})

test('it is not opened where there is no token in it', (t) => {
  const path = join(folderFor(t), 'tokens')
  const opened = () => openTokenFile(path, () => undefined)
  assert.throws(opened, { code: 'ENOENT' })
  writeFileSync(path, ' \n')
  assert.throws(opened, /has no token in it/)
  writeFileSync(path, 'x'.repeat(100_000))
  assert.throws(opened, /has more than 65536 bytes/)
})
