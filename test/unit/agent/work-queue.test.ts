import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorkQueue } from '../../../src/agent/work-queue.ts'
import { settle } from '../../support/quick-clock.ts'

/** A queue whose work goes on until the test ends it by name. */
const make = (workers: number) => {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const queue = createWorkQueue(workers, (name) => {
    begun.push(name)
    assert.ok(!ends.has(name), `${name} is under way already`)
    return new Promise((resolve) => ends.set(name, resolve))
  })
  const end = async (name: string): Promise<void> => {
    const done = ends.get(name)
    assert.ok(done, `${name} is not under way`)
    ends.delete(name)
    done()
    await settle()
  }
  return { queue, begun, end, underWay: () => [...ends.keys()] }
}

/** Whether a promise has been kept by now. */
const isKept = async (promise: Promise<void>): Promise<boolean> => {
  let kept = false
  void promise.then(() => {
    kept = true
  })
  await settle()
  return kept
}

test('so many are worked on at once, the others in the order in which they came', async () => {
  const { queue, begun, end, underWay } = make(2)
  for (const name of ['a', 'b', 'c', 'd']) queue.add(name)
  assert.deepEqual(underWay(), ['a', 'b'])
  await end('b')
  assert.deepEqual(underWay(), ['a', 'c'])
  await end('a')
  assert.deepEqual(begun, ['a', 'b', 'c', 'd'])
})

test('what waits already is not there twice', async () => {
  const { queue, begun, end } = make(1)
  for (const name of ['a', 'b', 'b', 'b']) queue.add(name)
  await end('a')
  await end('b')
  assert.deepEqual(begun, ['a', 'b'])
  assert.ok(await isKept(queue.idle()))
})

test('what is asked for while it is worked on is done once more, and never twice at the same time', async () => {
  const { queue, begun, end, underWay } = make(4)
  queue.add('a')
  queue.add('a')
  queue.add('a')
  assert.deepEqual(underWay(), ['a'])
  await end('a')
  assert.deepEqual(begun, ['a', 'a'])
  await end('a')
  assert.deepEqual(begun, ['a', 'a'])
})

test('one that has to wait for itself holds up nobody behind it', async () => {
  const { queue, underWay } = make(2)
  for (const name of ['a', 'a', 'b']) queue.add(name)
  assert.deepEqual(underWay(), ['a', 'b'])
})

test('it is idle when nothing waits or is under way, also with what was added meanwhile', async () => {
  const { queue, end } = make(1)
  assert.ok(await isKept(queue.idle()), 'from the start')
  queue.add('a')
  const first = queue.idle()
  const second = queue.idle()
  queue.add('b')
  await end('a')
  assert.ok(!(await isKept(first)))
  await end('b')
  assert.ok((await isKept(first)) && (await isKept(second)))
})

test('once closed it takes nothing, forgets what waits, and waits for what is under way', async () => {
  const { queue, begun, end } = make(1)
  queue.add('a')
  queue.add('b')
  const closed = queue.close()
  queue.add('c')
  assert.ok(!(await isKept(closed)))
  await end('a')
  assert.ok(await isKept(closed))
  assert.deepEqual(begun, ['a'])
  assert.ok(await isKept(queue.close()))
})
