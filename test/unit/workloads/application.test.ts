import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { chooseAddress, createApplication, listeningAddresses } from '../../../src/workloads/application.ts'

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const line = (local: string, state: string): string =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0`
const TCP = [HEAD, line('0100007F:1F90', '0A'), line('0100007F:1F90', '01'), line('01004D0A:0050', '0A')].join('\n')
const TCP6 = [
  HEAD,
  line('00000000000000000000000000000000:1F90', '0A'),
  line('0000000000000000FFFF00000100007F:1F90', '0A'),
  line('B80D01200000770000000000010000FF:1F90', '0A'),
].join('\n')

test('only listening sockets of that port are listed, as addresses are written', () => {
  assert.deepEqual(listeningAddresses(TCP, 8080), ['127.0.0.1'])
  assert.deepEqual(listeningAddresses(TCP, 80), ['10.77.0.1'])
  assert.deepEqual(listeningAddresses(TCP6, 8080), ['::', '127.0.0.1', '2001:db8:77::ff00:1'])
})

test('what is listed is what this machine listens on', async (context) => {
  for (const host of ['127.0.0.1', '::1', '0.0.0.0', '::']) {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen({ port: 0, host }, resolve))
    context.after(() => server.close())
    const address = server.address()
    assert.ok(typeof address === 'object' && address)
    const text = readFileSync(`/proc/net/${host.includes(':') ? 'tcp6' : 'tcp'}`, 'latin1')
    assert.deepEqual(listeningAddresses(text, address.port), [host])
  }
})

test('no text makes the parser throw', () => {
  fc.assert(fc.property(fc.string(), fc.nat(65_535), (text, port) => Array.isArray(listeningAddresses(text, port))))
})

for (const [situation, wanted, listening, chosen] of [
  ['on all addresses', '10.77.0.1', ['0.0.0.0'], '10.77.0.1'],
  ['on all addresses of both families', '10.77.0.1', ['::'], '10.77.0.1'],
  ['on the address that was asked for, among others', '10.77.0.1', ['127.0.0.1', '10.77.0.1'], '10.77.0.1'],
  ['on loopback only', '10.77.0.1', ['127.0.0.1'], '127.0.0.1'],
  ['on another address only', '10.77.0.1', ['10.77.0.9'], '10.77.0.9'],
  ['on loopback and another address', '10.77.0.1', ['10.77.0.9', '127.0.0.1'], '127.0.0.1'],
  ['on loopback of the other family', '2001:db8::1', ['127.0.0.1'], '127.0.0.1'],
  ['on all addresses of the other family', '2001:db8::1', ['0.0.0.0'], '127.0.0.1'],
  ['nowhere', '10.77.0.1', [], '10.77.0.1'],
] as const) {
  test(`an application that listens ${situation} is dialled at ${chosen}`, () => {
    assert.equal(chooseAddress(wanted, listening), chosen)
  })
}

test('the tables are read once, and again after a refusal; an application that is not up yet is not remembered', () => {
  let reads = 0
  let text = ''
  const application = createApplication({
    readProcNet: (name) => {
      if (name === 'tcp') reads++
      return name === 'tcp' ? text : ''
    },
  })
  assert.equal(application.addressFor('10.77.0.1', 8080), '10.77.0.1')
  text = TCP
  assert.equal(application.addressFor('10.77.0.1', 8080), '127.0.0.1')
  assert.equal(application.addressFor('10.77.0.1', 8080), '127.0.0.1')
  assert.equal(reads, 2)
  text = [HEAD, line('01004D0A:1F90', '0A')].join('\n')
  application.forget(8080)
  assert.equal(application.addressFor('10.77.0.1', 8080), '10.77.0.1')
  assert.equal(reads, 3)
})
