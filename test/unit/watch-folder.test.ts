import assert from 'node:assert/strict'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { watchFolder } from '../../src/watch-folder.ts'
import { createFakeClock } from '../support/fake-clock.ts'

const temporary = (context: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'watched-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Over a stamp that the test sets. */
const watched = (context: TestContext) => {
  const clock = createFakeClock()
  const state = { stamp: 'a', changes: 0 }
  const watch = watchFolder({
    folder: '/nowhere/at/all',
    stamp: () => state.stamp,
    pollMs: 1000,
    settleMs: 10,
    changed: () => {
      state.changes++
    },
    after: clock.after,
  })
  context.after(watch.close)
  return { clock, state, watch }
}

test('a change is seen by looking now and then, and told once', (context) => {
  const { clock, state } = watched(context)
  clock.pass(5000)
  assert.equal(state.changes, 0)
  state.stamp = 'b'
  clock.pass(1020)
  assert.equal(state.changes, 1)
  clock.pass(5000)
  assert.equal(state.changes, 1)
})

test('what is still being written is not told before it rests', (context) => {
  const { clock, state } = watched(context)
  state.stamp = 'half'
  clock.pass(1000)
  for (let round = 0; round < 20; round++) {
    state.stamp = `more ${round}`
    clock.pass(10)
  }
  assert.equal(state.changes, 0)
  clock.pass(20)
  assert.equal(state.changes, 1)
})

test('what never rests is told all the same', (context) => {
  const { clock, state } = watched(context)
  for (let round = 0; round < 200; round++) {
    state.stamp = `more ${round}`
    clock.pass(10)
  }
  assert.ok(state.changes >= 1 && state.changes <= 4, String(state.changes))
})

test('a change that is taken back before it rests is none', (context) => {
  const { clock, state } = watched(context)
  state.stamp = 'b'
  clock.pass(1000)
  state.stamp = 'a'
  clock.pass(2000)
  assert.equal(state.changes, 0)
})

test('nothing is waiting once it is closed', (context) => {
  const { clock, state, watch } = watched(context)
  state.stamp = 'b'
  clock.pass(1000)
  watch.close()
  assert.equal(clock.waiting, 0)
  clock.pass(5000)
  assert.equal(state.changes, 0)
})

/** How many inotify watches this process has. */
const inotifyWatches = (): number => {
  const isInotify = (fd: string): boolean => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:inotify'
    } catch {
      return false // the one that the folder was listed with
    }
  }
  const infos = readdirSync('/proc/self/fd')
    .filter(isInotify)
    .map((fd) => readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))
  return infos.join('').split('inotify wd:').length - 1
}

/** By inotify alone: the next look is an hour away. */
const noticing = (context: TestContext, folder: string, pollMs = 3_600_000) => {
  let told = (): void => {}
  const file = join(folder, 'file')
  const watch = watchFolder({
    folder,
    stamp: () => {
      const stat = statSync(file, { bigint: true, throwIfNoEntry: false })
      return stat ? [stat.ino, stat.size, stat.mtimeNs].join() : ''
    },
    pollMs,
    settleMs: 1,
    changed: () => told(),
  })
  context.after(watch.close)
  /** Resolves with the next change after `act`. */
  const after = (act: () => void): Promise<void> =>
    new Promise((resolve) => {
      told = resolve
      act()
    })
  return { watch, file, after }
}
const HANG = { timeout: 20_000 }

test('a write, a rename and a removal are noticed without looking', HANG, async (context) => {
  const folder = temporary(context)
  const { file, after } = noticing(context, folder)
  await after(() => writeFileSync(file, 'a'))
  await after(() => {
    writeFileSync(`${file}.new`, 'bb')
    renameSync(`${file}.new`, file)
  })
  await after(() => rmSync(file))
})

test('a folder that comes later, goes and comes again is watched each time', HANG, async (context) => {
  const folder = join(temporary(context), 'later')
  const { file, after } = noticing(context, folder, 5)
  for (let life = 0; life < 3; life++) {
    await after(() => {
      mkdirSync(folder)
      writeFileSync(file, `life ${life}`)
    })
    await after(() => rmSync(folder, { recursive: true }))
  }
})

test('closing gives back the watch', HANG, async (context) => {
  const folder = temporary(context)
  const before = inotifyWatches()
  const { watch, file, after } = noticing(context, folder, 5)
  assert.equal(inotifyWatches(), before + 1)
  await after(() => writeFileSync(file, 'a'))
  assert.equal(inotifyWatches(), before + 1)
  watch.close()
  assert.equal(inotifyWatches(), before)
})
