import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createUntilClock, UNTIL_FILE } from '../../../src/agent/until-clock.ts'

const folderOf = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'until-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}
const unwritable = (error: unknown): void => assert.fail(String(error))

test('a duration counts from when it was first seen, for a later agent, too', (t) => {
  const folder = folderOf(t)
  assert.equal(createUntilClock(folder, () => 1000, unwritable).firstSeen('a', '30m'), 1000)
  const later = createUntilClock(folder, () => 5000, unwritable)
  assert.equal(later.firstSeen('a', '30m'), 1000)
  assert.equal(later.firstSeen('a', '40m'), 5000, 'another text is another duration')
})

test('of workloads that are gone nothing is kept', (t) => {
  const folder = folderOf(t)
  const clock = createUntilClock(folder, () => 1, unwritable)
  clock.firstSeen('a', '1h')
  clock.firstSeen('b', '1h')
  clock.keep(new Set(['b']))
  assert.deepEqual(JSON.parse(readFileSync(join(folder, UNTIL_FILE), 'utf8')), { 'b 1h': 1 })
})

for (const text of ['', '{', '[]', '{"a 1h":"x"}', 'null', '\0\0']) {
  test(`a file that holds ${JSON.stringify(text)} is begun anew`, (t) => {
    const folder = folderOf(t)
    writeFileSync(join(folder, UNTIL_FILE), text)
    assert.equal(createUntilClock(folder, () => 9, unwritable).firstSeen('a', '1h'), 9)
  })
}

test('the file is bounded, and a folder that cannot be written is told', (t) => {
  const folder = folderOf(t)
  const all = Object.fromEntries(Array.from({ length: 4096 }, (_, i) => [`u${i} 1h`, i]))
  writeFileSync(join(folder, UNTIL_FILE), JSON.stringify(all))
  const full = createUntilClock(folder, () => 7, unwritable)
  assert.equal(full.firstSeen('one-more', '1h'), 7)
  assert.equal(Object.keys(JSON.parse(readFileSync(join(folder, UNTIL_FILE), 'utf8'))).length, 4096)
  const told: unknown[] = []
  createUntilClock(
    join(folder, 'missing'),
    () => 7,
    (error) => told.push(error),
  ).firstSeen('a', '1h')
  assert.equal(told.length, 1)
})
