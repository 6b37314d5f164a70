import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Appender, createAppender, type Write } from '../../../src/record/appender.ts'
import { turn } from './samples.ts'

const folder = (t: TestContext): string => {
  const path = mkdtempSync(join(tmpdir(), 'understudy-appender-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

const flushed = (appender: Appender): Promise<Error | undefined> =>
  new Promise((resolve) => appender.flush((error) => resolve(error)))

/** A disk that takes a write only when told to. */
const slowDisk = () => {
  const taken: string[] = []
  let release: (() => void) | undefined
  const write: Write = (_fd, chunk, offset, done) => {
    release = () => {
      taken.push(Buffer.from(chunk).toString('utf8', offset))
      done(null, chunk.length - offset)
    }
  }
  return { taken, write, release: () => release?.() }
}

test('lines of one turn leave in one write, in order', async () => {
  const disk = slowDisk()
  const appender = createAppender({ fd: 0, write: disk.write })
  for (const line of ['a\n', 'b\n', 'c\n']) appender.write(line)
  await turn()
  disk.release()
  assert.deepEqual(disk.taken, ['a\nb\nc\n'])
  await appender.close()
})

test('a write that takes part of the bytes goes on where it stopped', async (t) => {
  const taken: string[] = []
  const write: Write = (_fd, chunk, offset, done) => {
    taken.push(Buffer.from(chunk).toString('utf8', offset, offset + 2))
    setImmediate(done, null, Math.min(2, chunk.length - offset))
  }
  const appender = createAppender({ fd: 0, write })
  t.after(() => appender.close())
  appender.write('abcde\n')
  await flushed(appender)
  assert.equal(taken.join(''), 'abcde\n')
})

test('a disk slower than the lines loses lines past the bound, counts them, and keeps the rest', async () => {
  const disk = slowDisk()
  let dropped = 0
  const appender = createAppender({ fd: 0, maxChars: 10, write: disk.write, onDrop: (lines) => (dropped += lines) })
  appender.write('12345678\n')
  await turn()
  for (let i = 0; i < 5; i++) appender.write('wait\n')
  assert.equal(dropped, 3)
  disk.release()
  disk.release()
  assert.deepEqual(disk.taken, ['12345678\n', 'wait\nwait\n'])
  await appender.close()
})

test('a full disk fails the flush instead of hanging it, and the lines leave once there is room', async () => {
  let full = true
  let written = ''
  const errors: (string | undefined)[] = []
  const write: Write = (_fd, chunk, offset, done) => {
    if (full) return done(Object.assign(new Error('full'), { code: 'ENOSPC' }), 0)
    written += Buffer.from(chunk).toString('utf8', offset)
    done(null, chunk.length - offset)
  }
  const appender = createAppender({ fd: 0, write, onError: (error) => errors.push(error.code) })
  appender.write('kept\n')
  assert.match(String(await flushed(appender)), /full/)
  full = false
  assert.equal(await flushed(appender), undefined)
  assert.equal(written, 'kept\n')
  assert.deepEqual(errors, ['ENOSPC'])
  await appender.close()
})

test('what a full disk never took counts as dropped when the file is closed', async () => {
  let dropped = 0
  const fd = openSync('/dev/full', 'a')
  const appender = createAppender({ fd, onDrop: (lines) => (dropped += lines) })
  appender.write('a\nb\n')
  await appender.close()
  assert.equal(dropped, 2)
})

test('a reader that went away ends the appender quietly', async () => {
  const write: Write = (_fd, _chunk, _offset, done) => done(Object.assign(new Error('gone'), { code: 'EPIPE' }), 0)
  let dropped = 0
  const appender = createAppender({ fd: 0, write, onDrop: (lines) => (dropped += lines) })
  appender.write('a\n')
  await flushed(appender)
  appender.write('b\n')
  assert.equal(dropped, 2)
  await appender.close()
})

test('a busy descriptor is asked again', async () => {
  let asked = 0
  const write: Write = (_fd, chunk, _offset, done) =>
    ++asked < 3 ? done(Object.assign(new Error('busy'), { code: 'EAGAIN' }), 0) : done(null, chunk.length)
  const appender = createAppender({ fd: 0, write })
  appender.write('a\n')
  assert.equal(await flushed(appender), undefined)
  assert.equal(asked, 3)
  await appender.close()
})

const APPENDER = new URL('../../../src/record/appender.ts', import.meta.url).href
const script = (target: string, rest: string): string => `
  import { openSync } from 'node:fs'
  import { createAppender } from ${JSON.stringify(APPENDER)}
  const appender = createAppender({ fd: openSync(${JSON.stringify(target)}, 'a') })
  ${rest}`

test('a process that exits at once has written every line', (t) => {
  const path = join(folder(t), 'out')
  const lines = "for (let i = 0; i < 5000; i++) appender.write(i + '\\n'); process.exit(0)"
  execFileSync(process.execPath, ['--input-type=module', '-e', script(path, lines)])
  const written = readFileSync(path, 'utf8').trimEnd().split('\n')
  assert.equal(written.length, 5000)
  assert.equal(written.at(-1), '4999')
})

test('a process whose disk is full still exits', () => {
  const lines = "appender.write('a\\n'); setImmediate(() => appender.write('b\\n'))"
  const ended = spawnSync(process.execPath, ['--input-type=module', '-e', script('/dev/full', lines)], {
    timeout: 20_000,
  })
  assert.equal(ended.status, 0)
})
