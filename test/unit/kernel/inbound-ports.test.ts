import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type InboundMode, type InboundPort, portsFault, portTable } from '../../../src/kernel/inbound-ports.ts'
import type { RawCall, Shim } from '../../../src/kernel/shim.ts'

/** Notes what the table writes and deletes, as `+map key` and `-map key`. */
const notingShim = () => {
  const said: string[] = []
  const raw: RawCall = (name, ...parameters) => {
    const [, map, key]: readonly unknown[] = parameters
    if (!(key instanceof Buffer)) return -22
    const number = key.length === 2 ? key.readUInt16LE() : key.readUInt32LE()
    said.push(`${name === 'understudy_map_update' ? '+' : '-'}${map} ${number}`)
    return 0
  }
  const shim: Shim = { raw, call: raw, takeLog: () => [] }
  return { shim, taken: () => said.splice(0) }
}

const ports = (...pairs: [number, number][]): InboundPort[] =>
  pairs.map(([appPort, proxyPort]) => ({ appPort, proxyPort }))

const table = (mode: InboundMode) => {
  const { shim, taken } = notingShim()
  return { ...portTable(shim, () => 1, mode), taken }
}

test('the way back is known before the way there, and forgotten after it', () => {
  const { set, taken } = table('tc')
  set(ports([80, 1080]))
  assert.deepEqual(taken(), ['+proxy_ports 1080', '+inbound_ports 80'])
  set([])
  assert.deepEqual(taken(), ['-inbound_ports 80', '-proxy_ports 1080'])
})

test('a port that stays is not written again, one that moves is', () => {
  const { set, taken } = table('tc')
  set(ports([80, 1080], [81, 1081]))
  taken()
  set(ports([80, 1080], [81, 2081]))
  assert.deepEqual(taken(), ['-inbound_ports 81', '-proxy_ports 1081', '+proxy_ports 2081', '+inbound_ports 81'])
})

test('with sk_lookup a port has a slot of its own, which is emptied and used again', () => {
  const { set, slotOf, taken } = table('sk_lookup')
  set(ports([80, 0], [81, 0]))
  assert.deepEqual([slotOf(80), slotOf(81), slotOf(82)], [0, 1, undefined])
  assert.deepEqual(taken(), ['+inbound_ports 80', '+inbound_ports 81'])
  set(ports([81, 0], [82, 0]))
  assert.deepEqual(taken(), ['-inbound_ports 80', '-inbound_sockets 0', '-inbound_sockets 1', '+inbound_ports 82'])
  assert.deepEqual([slotOf(80), slotOf(81), slotOf(82)], [undefined, 1, 0])
})

test('nothing is written of ports that cannot be', () => {
  const { set, taken } = table('tc')
  assert.throws(() => set(ports([80, 80])), RangeError)
  assert.deepEqual(taken(), [])
})

test('each fault is named; with sk_lookup the proxy port does not matter', () => {
  assert.match(portsFault(ports([80, 99], [81, 99]), 'tc') ?? '', /two of the proxy/)
  assert.equal(portsFault(ports([80, 99], [81, 99]), 'sk_lookup'), undefined)
  assert.match(portsFault(ports([80.5, 99]), 'tc') ?? '', /from 1 to 65535/)
  assert.match(portsFault(ports([80, 1], [80, 2]), 'sk_lookup') ?? '', /twice/)
  const many = ports(...Array.from({ length: 65 }, (_, i): [number, number] => [i + 1, i + 1000]))
  assert.match(portsFault(many, 'tc') ?? '', /at most 64/)
  assert.equal(portsFault(many.slice(1), 'tc'), undefined)
})
