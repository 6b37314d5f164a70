import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../../src/kernel/address.ts'
import { CLIENT_SLOT, CLIENT_SLOTS, CLIENT_STATE, ORIGINAL_DST } from '../../../src/kernel/layout.ts'
import { decodeSlot, readOpenConnections } from '../../../src/kernel/open-connections.ts'
import type { RawCall, Shim } from '../../../src/kernel/shim.ts'

/** One slot as the kernel has it, of an established connection to 192.0.2.7:80 that was translated on its way. */
const slot = (port = 80): Buffer => {
  const bytes = Buffer.alloc(CLIENT_SLOT.size)
  const state = CLIENT_SLOT.fields.state.offset
  bytes.writeBigUInt64LE(9n, CLIENT_SLOT.fields.owner.offset)
  parseAddress('192.0.2.7').copy(bytes, state + ORIGINAL_DST.fields.addr.offset)
  bytes.writeUInt16BE(port, state + ORIGINAL_DST.fields.port.offset)
  bytes.writeBigUInt64LE(5n, state + ORIGINAL_DST.fields.netns_cookie.offset)
  bytes.writeBigUInt64LE(7n, state + ORIGINAL_DST.fields.born_ns.offset)
  bytes.writeBigUInt64LE(4242n, state + CLIENT_STATE.fields.cgroup_id.offset)
  parseAddress('10.0.0.9').copy(bytes, state + CLIENT_STATE.fields.dialled.offset)
  bytes.writeUInt16BE(8080, state + CLIENT_STATE.fields.dialled_port.offset)
  bytes[state + CLIENT_STATE.fields.verdict.offset] = 1
  bytes[state + CLIENT_STATE.fields.established.offset] = 1
  return bytes
}

test('a slot is decoded field by field', () => {
  assert.deepEqual(decodeSlot(Buffer.concat([Buffer.alloc(3), slot()]), 3), {
    netnsCookie: 5n,
    cgroupId: 4242n,
    destination: { address: '192.0.2.7', port: 80 },
    dialled: { address: '10.0.0.9', port: 8080 },
    verdict: 'not_enrolled',
    established: true,
    connectedAtNs: 7n,
  })
})

test('a connection whose SYN has not left has not dialled, nor is it established', () => {
  const bytes = slot()
  const state = CLIENT_SLOT.fields.state.offset
  bytes.fill(0, state + CLIENT_STATE.fields.dialled.offset, state + CLIENT_STATE.size)
  const connection = decodeSlot(bytes, 0)
  assert.equal('dialled' in connection, false)
  assert.equal(connection.established, false)
})

test('the whole array is read, each part once', () => {
  const parts: number[] = []
  const raw: RawCall = (_name, ...values) => {
    const [, , from, span, buffer] = values as [number, string, number, number, Buffer]
    parts.push(from)
    slot(from + 1).copy(buffer)
    slot(from + span).copy(buffer, CLIENT_SLOT.size)
    return 2
  }
  const shim: Shim = { raw, call: raw, takeLog: () => [] }
  const ports: number[] = []
  readOpenConnections(shim, 3, ({ destination }) => ports.push(destination.port))
  const span = CLIENT_SLOTS / parts.length
  assert.deepEqual(
    parts,
    parts.map((_, i) => i * span),
  )
  assert.deepEqual(
    ports,
    parts.flatMap((from) => [from + 1, from + span]),
  )
})
