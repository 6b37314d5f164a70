import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReserved, type ReservedOptions } from '../../../src/dns/reserved.ts'

const setUp = (options: Partial<ReservedOptions> = {}) => {
  const state = { reused: 0 }
  const reserved = createReserved({
    range4: { address: '240.241.0.0', prefix: 16 },
    range6: { address: '2001:2:0:1::', prefix: 64 },
    onReused: () => state.reused++,
    ...options,
  })
  return { state, reserved }
}

test('a name has the same two addresses each time, and they lead back to it', () => {
  const { reserved } = setUp()
  assert.deepEqual(reserved.reserve('a.test'), { v4: '240.241.0.1', v6: '2001:2:0:1::1' })
  assert.deepEqual(reserved.reserve('b.test'), { v4: '240.241.0.2', v6: '2001:2:0:1::2' })
  assert.deepEqual(reserved.reserve('a.test'), { v4: '240.241.0.1', v6: '2001:2:0:1::1' })
  assert.equal(reserved.nameOf('240.241.0.2'), 'b.test')
  assert.equal(reserved.nameOf('2001:2:0:1:0:0:0:1'), 'a.test')
  assert.equal(reserved.size(), 2)
})

test('every address of the ranges is reserved, given out or not, and no other', () => {
  const { reserved } = setUp()
  for (const address of ['240.241.0.0', '240.241.255.255', '2001:2:0:1::', '2001:2:0:1:ffff::', '::ffff:240.241.7.7']) {
    assert.ok(reserved.isReserved(address), address)
    assert.equal(reserved.nameOf(address), undefined)
  }
  for (const address of ['240.242.0.0', '240.240.255.255', '2001:2:0:2::', '::1', '127.0.0.1', 'orders.test', '']) {
    assert.ok(!reserved.isReserved(address), address)
  }
})

test('beyond the limit the name unused longest gives up its address', () => {
  const { state, reserved } = setUp({ limit: 2 })
  reserved.reserve('a.test')
  reserved.reserve('b.test')
  reserved.nameOf('240.241.0.1') // a connection came: a.test is in use
  assert.deepEqual(reserved.reserve('c.test'), { v4: '240.241.0.2', v6: '2001:2:0:1::2' })
  assert.equal(reserved.nameOf('240.241.0.2'), 'c.test')
  assert.equal(reserved.nameOf('240.241.0.1'), 'a.test')
  assert.equal(state.reused, 1)
})

test('a small range is used but for its first and last address', () => {
  const { state, reserved } = setUp({ range4: { address: '240.0.0.9', prefix: 30 } })
  const given = ['a', 'b', 'c'].map((name) => reserved.reserve(name).v4)
  assert.deepEqual(given, ['240.0.0.9', '240.0.0.10', '240.0.0.9'])
  assert.equal(state.reused, 1)
})

test('a range of one address works', () => {
  const { reserved } = setUp({
    range4: { address: '240.0.0.9', prefix: 32 },
    range6: { address: '2001:2::9', prefix: 128 },
  })
  assert.deepEqual(reserved.reserve('a'), { v4: '240.0.0.9', v6: '2001:2::9' })
})
