import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge, replyTuple } from '../../../src/kernel/conntrack-entry.ts'

const client = { address: '10.0.0.9', port: 40_000 }
const local = { address: '127.0.0.1', port: 15_001 }
const reply = { source: local, destination: client }

test('the answers of an accepted socket go from its own address to its client', () => {
  assert.deepEqual(replyTuple({ client, local }), reply)
})

test('a v4-mapped connection is tracked as IPv4', () => {
  const mapped = { client: { ...client, address: '::ffff:10.0.0.9' }, local: { ...local, address: '::ffff:7f00:1' } }
  assert.deepEqual(replyTuple(mapped), reply)
})

test('a scope is not part of a tuple, and an address has one spelling', () => {
  const ends = { client: { address: 'fe80:0::9%eth0', port: 1 }, local: { address: 'FE80::1%2', port: 2 } }
  assert.deepEqual(replyTuple(ends), {
    source: { address: 'fe80::1', port: 2 },
    destination: { address: 'fe80::9', port: 1 },
  })
})

test('ends that are no addresses, of two families or with impossible ports have no tuple', () => {
  assert.equal(replyTuple({ client, local: { ...local, address: '' } }), undefined)
  assert.equal(replyTuple({ client, local: { ...local, address: 'localhost' } }), undefined)
  assert.equal(replyTuple({ client, local: { ...local, address: '::1' } }), undefined)
  for (const port of [-1, 65_536, 1.5, Number.NaN])
    assert.equal(replyTuple({ client, local: { ...local, port } }), undefined)
})

test('a destination that is neither end is the one that was dialled', () => {
  const destination = { address: '10.0.0.1', port: 80 }
  assert.deepEqual(judge(destination, reply), { kind: 'found', destination })
  // the same address with another port, which is what a redirect on one machine looks like
  assert.equal(judge({ ...local, port: 80 }, reply).kind, 'found')
})

test('our own address means that nothing was redirected', () => {
  assert.deepEqual(judge({ ...local }, reply), { kind: 'none', why: 'not redirected' })
})

test("the client's own address is never taken for its destination", () => {
  assert.deepEqual(judge({ ...client }, reply), { kind: 'none', why: 'the entry is of the other direction' })
})
