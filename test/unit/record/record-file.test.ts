import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { UnderstudyError } from '../../../src/errors.ts'
import { createLog } from '../../../src/record/log.ts'
import { openRecordFile } from '../../../src/record/record-file.ts'
import { memoryLog, silent, turn } from './samples.ts'

const isRoot = process.getuid?.() === 0

const folder = (t: TestContext): string => {
  const path = mkdtempSync(join(tmpdir(), 'understudy-record-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

const options = { log: silent, onDrop: () => {} }

const refused = (path: string): UnderstudyError => {
  try {
    openRecordFile({ ...options, path })
  } catch (error) {
    assert.ok(error instanceof UnderstudyError)
    assert.equal(error.code, 'FILE_UNWRITABLE')
    assert.ok(error.remedy)
    return error
  }
  return assert.fail('it was opened')
}

test('a new file is private and holds what was written', async (t) => {
  const path = join(folder(t), 'records')
  const file = openRecordFile({ ...options, path })
  file.write('{"a":1}\n')
  await file.flush()
  assert.equal(readFileSync(path, 'utf8'), '{"a":1}\n')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await file.close()
})

test('a file that exists is appended to', async (t) => {
  const path = join(folder(t), 'records')
  writeFileSync(path, 'before\n')
  const file = openRecordFile({ ...options, path })
  file.write('after\n')
  await file.close()
  assert.equal(readFileSync(path, 'utf8'), 'before\nafter\n')
})

test('a new file belongs to the given owner, an existing one keeps its own', {
  skip: isRoot ? false : 'needs root',
}, async (t) => {
  const path = join(folder(t), 'records')
  for (const owner of [
    { uid: 1234, gid: 1235 },
    { uid: 4321, gid: 4321 },
  ]) {
    await openRecordFile({ ...options, path, owner }).close()
    const { uid, gid } = statSync(path)
    assert.deepEqual({ uid, gid }, { uid: 1234, gid: 1235 })
  }
})

test('a missing folder is named with its remedy', (t) => {
  const path = join(folder(t), 'none', 'records')
  const error = refused(path)
  assert.ok(error.message.includes(path) && error.message.includes('ENOENT'))
  assert.match(error.remedy ?? '', /Create the folder/)
})

test('a folder, a dangling link and a dash are refused', (t) => {
  const path = folder(t)
  assert.match(refused(path).message, /EISDIR/)
  symlinkSync(join(path, 'nowhere'), join(path, 'link'))
  assert.match(refused(join(path, 'link')).message, /ENOENT/)
  assert.match(refused('-').message, /not one/)
})

test('a pipe without a reader is refused instead of waited for', (t) => {
  const path = join(folder(t), 'pipe')
  execFileSync('mkfifo', [path])
  assert.match(refused(path).message, /ENXIO/)
})

test('a full disk is warned of once, and the lines count as dropped', async () => {
  const memory = memoryLog()
  let dropped = 0
  const log = createLog({ level: 'warn', destination: memory })
  const file = openRecordFile({ path: '/dev/full', log, onDrop: (lines) => (dropped += lines) })
  for (let i = 0; i < 3; i++) {
    file.write('line\n')
    await turn()
    await file.flush()
  }
  await file.close()
  assert.deepEqual(
    memory.lines.map(({ level, code, path }) => ({ level, code, path })),
    [{ level: 'warn', code: 'ENOSPC', path: '/dev/full' }],
  )
  assert.equal(dropped, 3)
})

test('a disk that is too slow loses lines and counts them', async () => {
  let dropped = 0
  const file = openRecordFile({
    path: '/dev/null',
    log: silent,
    maxChars: 20,
    onDrop: (lines) => (dropped += lines),
    write: (_fd, chunk, offset, done) => setImmediate(done, null, chunk.length - offset),
  })
  for (let i = 0; i < 10; i++) file.write('12345678\n')
  assert.equal(dropped, 8)
  await file.close()
})
