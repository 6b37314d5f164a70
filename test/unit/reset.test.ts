import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { reset } from '../../src/reset.ts'
import { socketPair, within } from '../support/plane-lab.ts'

test('a peer sees a reset, and the connection is gone', async (t) => {
  const { ours, client } = await socketPair(t)
  const closed = once(ours, 'close')
  reset(ours)
  assert.equal((await client.ended()).error, 'ECONNRESET')
  await within('the close', closed)
})

test('a connection whose end is under way is not lost', async (t) => {
  const { ours } = await socketPair(t)
  const closed = once(ours, 'close')
  ours.end()
  reset(ours)
  await within('the close', closed)
})

test('a connection whose end waits behind bytes that nobody takes is closed short of them', async (t) => {
  const { ours, client } = await socketPair(t)
  client.socket.pause()
  const closed = once(ours, 'close')
  ours.end(Buffer.alloc(64 * 1024 * 1024))
  reset(ours)
  await within('the close', closed)
})

test('a connection that is closed already stays so', async (t) => {
  const { ours } = await socketPair(t)
  ours.destroy()
  reset(ours)
  assert.equal(ours.destroyed, true)
})
