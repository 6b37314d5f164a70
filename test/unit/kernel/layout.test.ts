import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../../src/kernel/address.ts'
import {
  ASKED_SERVER,
  CONNECTION_EVENT,
  COUNTERS,
  decodeAskedServer,
  decodeConnectionEvent,
  decodeOriginalDst,
  decodePolicy,
  encodeAsker,
  encodeCidr,
  encodePolicy,
  LAYOUTS,
  MAX_PORT_RANGES,
  ORIGINAL_DST,
  POLICY,
  type PolicyRecord,
  VERDICTS,
} from '../../../src/kernel/layout.ts'

/** struct original_dst as the kernel would leave it, in hexadecimal, for 192.0.2.7:8080. */
const SAVED = Buffer.from(
  [
    '00000000000000000000ffffc0000207', // addr
    '1f90', // port, network order
    '02', // AF_INET
    '01', // the source was bound
    '39300000', // pid 12345
    '0100000000000080', // client cookie
    '0500000000000000', // netns cookie
    '00ca9a3b00000000', // born: one second
    '6375726c000000000000000000000000', // "curl"
  ].join(''),
  'hex',
)

test('a saved destination is decoded field by field', () => {
  assert.deepEqual(decodeOriginalDst(SAVED, 0, 'map'), {
    destination: { address: '192.0.2.7', port: 8080 },
    process: { pid: 12_345, name: 'curl' },
    clientCookie: 0x8000_0000_0000_0001n,
    connectedAtNs: 1_000_000_000n,
    sourceBound: true,
    via: 'map',
  })
})

test('a saved destination is decoded where it lies', () => {
  const shifted = Buffer.concat([Buffer.alloc(8), SAVED])
  assert.deepEqual(decodeOriginalDst(shifted, 8, 'storage'), { ...decodeOriginalDst(SAVED, 0, 'map'), via: 'storage' })
})

test('a process name of full length has no zero to end it', () => {
  const bytes = Buffer.from(SAVED)
  bytes.write('0123456789abcdef', ORIGINAL_DST.fields.comm.offset, 'latin1')
  assert.equal(decodeOriginalDst(bytes, 0, 'map').process.name, '0123456789abcdef')
})

test('a record cut short is a RangeError', () => {
  assert.throws(() => decodeOriginalDst(SAVED.subarray(0, 40), 0, 'map'), RangeError)
})

const policy: PolicyRecord = {
  id: 7,
  flags: 5,
  listenPort4: 15_001,
  listenPort6: 15_002,
  dnsPort4: 15_053,
  dnsPort6: 15_054,
  source4: '10.1.2.3',
  source6: '2001:db8::9',
  excludedPorts: [
    { first: 22, last: 22 },
    { first: 8000, last: 65_535 },
  ],
}

test('a policy is encoded field by field', () => {
  const bytes = encodePolicy(policy)
  assert.equal(bytes.length, POLICY.size)
  assert.equal(
    bytes.toString('hex'),
    [
      '07000000', // id
      '05000000', // flags
      '3a99', // listen_port4, network order
      '3a9a', // listen_port6
      '3acd', // dns_port4
      '3ace', // dns_port6
      '0200', // two ranges
      '0000',
      '00000000000000000000ffff0a010203', // source4
      '20010db8000000000000000000000009', // source6
      '16001600',
      '401fffff',
      '00'.repeat(56),
    ].join(''),
  )
})

test('a policy is read back as it was written, wherever it lies', () => {
  for (const written of [policy, { ...policy, source4: '', source6: '', excludedPorts: [] }]) {
    assert.deepEqual(decodePolicy(encodePolicy(written)), written)
    assert.deepEqual(decodePolicy(Buffer.concat([Buffer.alloc(8), encodePolicy(written)]), 8), written)
  }
})

test('a policy that claims more ranges than it has room for has as many as there is room for', () => {
  const bytes = encodePolicy(policy)
  bytes.writeUInt16LE(0xffff, POLICY.fields.port_range_count.offset)
  assert.equal(decodePolicy(bytes).excludedPorts.length, MAX_PORT_RANGES)
})

test('a policy without sources leaves them zero, which means: do not bind', () => {
  const bytes = encodePolicy({ ...policy, source4: '', source6: '' })
  const { source4 } = POLICY.fields
  assert.deepEqual(bytes.subarray(source4.offset, source4.offset + 32), Buffer.alloc(32))
})

test('a policy with more ranges than fit stays within its struct', () => {
  const many = Array.from({ length: MAX_PORT_RANGES + 4 }, (_, i) => ({ first: i + 1, last: i + 1 }))
  const bytes = encodePolicy({ ...policy, excludedPorts: many })
  assert.equal(bytes.length, POLICY.size)
  assert.equal(bytes.readUInt16LE(POLICY.size - 4), MAX_PORT_RANGES)
})

test('the prefix of a network counts the id, and for IPv4 the mapping', () => {
  const lengths = [
    ['10.0.0.0', 8, 32 + 96 + 8],
    ['0.0.0.0', 0, 32 + 96],
    ['2001:db8::', 32, 32 + 32],
    ['::', 0, 32],
    ['::1', 128, 32 + 128],
  ] as const
  for (const [address, prefix, length] of lengths) {
    const key = encodeCidr(9, address, prefix)
    assert.equal(key.readUInt32LE(0), length, address)
    assert.equal(key.readUInt32LE(4), 9)
    assert.deepEqual(key.subarray(8), parseAddress(address))
  }
})

test('the source of a datagram becomes the key that the kernel side writes', () => {
  assert.equal(
    encodeAsker(7, '127.0.0.1', 40_001).toString('hex'),
    [
      '00000000000000000000ffff7f000001', // source
      '07000000', // listener_id
      '419c', // source_port, host order
      '0000',
    ].join(''),
  )
  assert.equal(encodeAsker(7, '::1', 53).toString('hex').slice(0, 32), '00000000000000000000000000000001')
})

test('the server that was asked is decoded', () => {
  const bytes = Buffer.alloc(ASKED_SERVER.size)
  parseAddress('2001:db8::53').copy(bytes)
  bytes.writeUInt16BE(53, ASKED_SERVER.fields.port.offset)
  assert.deepEqual(decodeAskedServer(bytes), { address: '2001:db8::53', port: 53 })
  parseAddress('127.0.0.53').copy(bytes)
  assert.equal(decodeAskedServer(bytes).address, '127.0.0.53')
})

/** struct connection_event with the given end. */
const event = (end: { error?: number; oldState?: number; verdict?: number }): Buffer => {
  const f = CONNECTION_EVENT.fields
  const bytes = Buffer.alloc(CONNECTION_EVENT.size)
  SAVED.copy(bytes)
  parseAddress('2001:db8::5').copy(bytes, f.source.offset)
  bytes.writeUInt16LE(40_000, f.source_port.offset)
  bytes[f.verdict.offset] = end.verdict ?? 0
  bytes[f.old_state.offset] = end.oldState ?? 5
  bytes.writeUInt32LE(end.error ?? 0, f.error.offset)
  bytes.writeBigUInt64LE(1_250_000_000n, f.closed_ns.offset)
  bytes.writeBigUInt64LE(5_000_000_000n, f.bytes_sent.offset)
  bytes.writeBigUInt64LE(7n, f.bytes_received.offset)
  bytes.writeUInt32LE(321, f.srtt_us.offset)
  bytes.writeUInt32LE(4, f.retransmits.offset)
  return bytes
}

test('a summary is decoded field by field, its end in wall-clock time', () => {
  assert.deepEqual(decodeConnectionEvent(event({ verdict: 6 }), 0, 1000), {
    kind: 'connection',
    endedAtMs: 2250,
    cookie: 0x8000_0000_0000_0001n,
    process: { pid: 12_345, name: 'curl' },
    destination: { address: '192.0.2.7', port: 8080 },
    source: { address: '2001:db8::5', port: 40_000 },
    verdict: 'excluded_port',
    closeReason: 'orderly',
    bytesSent: 5_000_000_000,
    bytesReceived: 7,
    durationMs: 250,
    established: true,
    srttUs: 321,
    retransmits: 4,
    cgroupId: 0n,
    netnsCookie: 5n,
  })
})

const ESTABLISHED = 1
const SYN_SENT = 2
const CLOSE_WAIT = 8
const ENDINGS: readonly [string, { error?: number; oldState: number }, string][] = [
  ['a close that both sides finished', { oldState: 5 }, 'orderly'],
  ['a close that the peer began', { oldState: 9 }, 'orderly'],
  ['a close that both began at once', { oldState: 11 }, 'orderly'],
  ['no close at all', { oldState: ESTABLISHED }, 'aborted'],
  ['a close by the peer that the application never answered', { oldState: CLOSE_WAIT }, 'aborted'],
  ['an attempt given up', { oldState: SYN_SENT }, 'aborted'],
  ['ECONNREFUSED', { error: 111, oldState: SYN_SENT }, 'refused'],
  ['ECONNRESET', { error: 104, oldState: ESTABLISHED }, 'reset'],
  ['EPIPE', { error: 32, oldState: CLOSE_WAIT }, 'reset'],
  ['ETIMEDOUT', { error: 110, oldState: ESTABLISHED }, 'timed_out'],
  ['EHOSTUNREACH', { error: 113, oldState: SYN_SENT }, 'unreachable'],
  ['ENETUNREACH', { error: 101, oldState: SYN_SENT }, 'unreachable'],
  ['an error without a name here', { error: 71, oldState: ESTABLISHED }, 'other'],
]
for (const [situation, end, reason] of ENDINGS) {
  test(`${situation} is summed up as ${reason}`, () => {
    const summary = decodeConnectionEvent(event(end), 0, 0)
    assert.equal(summary.closeReason, reason)
    assert.equal(summary.established, end.oldState !== SYN_SENT)
  })
}

test('what a summary adds of a connection that went out: where to, and of which cgroup', () => {
  const bytes = event({})
  const { dialled, dialled_port, cgroup_id } = CONNECTION_EVENT.fields
  parseAddress('10.4.5.6').copy(bytes, dialled.offset)
  bytes.writeUInt16BE(8443, dialled_port.offset)
  bytes.writeBigUInt64LE(0xffff_ffff_ffffn, cgroup_id.offset)
  const summary = decodeConnectionEvent(bytes, 0, 0)
  assert.deepEqual(summary.dialled, { address: '10.4.5.6', port: 8443 })
  assert.equal(summary.cgroupId, 0xffff_ffff_ffffn)
})

test('a verdict from a newer kernel side is not mistaken for a known one', () => {
  assert.equal(decodeConnectionEvent(event({ verdict: 200 }), 0, 0).verdict, 'no_record')
})

test('every verdict is a counter of the same number', () => {
  assert.deepEqual(COUNTERS.slice(0, VERDICTS.length), VERDICTS)
  assert.equal(new Set(COUNTERS).size, COUNTERS.length)
})

for (const [name, layout] of Object.entries(LAYOUTS)) {
  test(`the fields of ${name} follow each other without gap or overlap and fill it`, () => {
    let next = 0
    for (const [field, { offset, size }] of Object.entries(layout.fields)) {
      assert.equal(offset, next, field)
      next = offset + size
    }
    assert.equal(next, layout.size)
  })
}
