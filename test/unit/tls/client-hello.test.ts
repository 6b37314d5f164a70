import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_HELLO_BYTES, parseClientHello } from '../../../src/tls/client-hello.ts'
import {
  curlHello,
  helloOf,
  messageOf,
  nodeHello,
  opensslHello,
  recordsOf,
  serverNames,
  u16,
  vector16,
} from '../../support/hellos.ts'

const SNI = 0
const ALPN = 16

const hello = (bytes: Buffer) => {
  const parsed = parseClientHello(bytes)
  assert.equal(parsed.kind, 'hello', JSON.stringify(parsed))
  return parsed as typeof parsed & { kind: 'hello' }
}
const named = (name: string) => recordsOf(helloOf([SNI, serverNames([0, name])]))
const why = (bytes: Buffer): string => {
  const parsed = parseClientHello(bytes)
  return parsed.kind === 'none' ? parsed.why : `it is ${parsed.kind}`
}
const MESSAGE = helloOf([SNI, serverNames([0, 'svc.example'])])

test('the name and the protocols that Node asks for', async () => {
  const bytes = await nodeHello({ servername: 'node.example', ALPNProtocols: ['h2', 'http/1.1'] })
  const { serverName, alpn, length } = hello(bytes)
  assert.deepEqual(
    { serverName, alpn, length },
    { serverName: 'node.example', alpn: ['h2', 'http/1.1'], length: bytes.length },
  )
})

test('the name and the protocols that curl asks for', async () => {
  const { serverName, alpn } = hello(await curlHello('curl.example'))
  assert.deepEqual({ serverName, alpn }, { serverName: 'curl.example', alpn: ['h2', 'http/1.1'] })
})

for (const version of ['-tls1_3', '-tls1_2'])
  test(`the name that openssl asks for (${version})`, async () => {
    const { serverName, alpn } = hello(await opensslHello(version, '-servername', 'Open_SSL.Example'))
    assert.deepEqual({ serverName, alpn }, { serverName: 'Open_SSL.Example', alpn: [] })
  })

test('a client that dials an address names nobody', async () => {
  assert.equal(hello(await nodeHello()).serverName, undefined)
  assert.equal(hello(await opensslHello('-noservername')).serverName, undefined)
  assert.equal(hello(await curlHello('192.0.2.1')).serverName, undefined)
})

test('a hello of a real client is the same in records of any size', async () => {
  const whole = await nodeHello({ servername: 'split.example', ALPNProtocols: ['h2'] })
  const message = whole.subarray(5)
  for (const fragmentBytes of [1, 2, 3, 4, 5, 100, message.length - 1, message.length]) {
    const bytes = recordsOf(message, fragmentBytes)
    const { serverName, alpn, length } = hello(bytes)
    assert.deepEqual({ serverName, alpn, length }, { serverName: 'split.example', alpn: ['h2'], length: bytes.length })
  }
})

test('what follows the hello does not belong to it', () => {
  const bytes = recordsOf(MESSAGE)
  for (const more of [Buffer.from('rest'), bytes]) {
    assert.equal(hello(Buffer.concat([bytes, more])).length, bytes.length)
    assert.equal(hello(recordsOf(Buffer.concat([MESSAGE, more]))).length, bytes.length)
  }
})

test('a hello without extensions is one of TLS 1.2 or older', () => {
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32),
    Buffer.from([0]),
    vector16(u16(0x2f)),
    Buffer.from([1, 0]),
  ])
  assert.deepEqual(hello(recordsOf(messageOf(body))).alpn, [])
})

test('GREASE among extensions and protocols means nothing', () => {
  const grease = Buffer.from([0xa, 0xa])
  const protocols = vector16(Buffer.concat([Buffer.from([2]), grease, Buffer.from([2]), Buffer.from('h2')]))
  const bytes = helloOf([0x0a0a, Buffer.alloc(0)], [SNI, serverNames([0, 'a.b'])], [ALPN, protocols], [0xfafa, u16(0)])
  const { serverName, alpn } = hello(recordsOf(bytes))
  assert.deepEqual({ serverName, alpn }, { serverName: 'a.b', alpn: [grease.toString('latin1'), 'h2'] })
})

test('a name of an unknown type is passed over', () => {
  const list = serverNames([7, 'what'], [0, 'svc.example'])
  assert.equal(hello(recordsOf(helloOf([SNI, list]))).serverName, 'svc.example')
  assert.equal(hello(recordsOf(helloOf([SNI, serverNames([7, 'what'])]))).serverName, undefined)
})

const WRONG: Readonly<Record<string, Buffer>> = {
  'not a handshake record': Buffer.from('GET / HTTP/1.1\r\n'),
  'not a version of TLS': Buffer.from([22, 2]),
  'a record of an impossible length': Buffer.from([22, 3, 1, 0, 0]),
  'not a ClientHello': recordsOf(Buffer.from([2, 0, 0, 0])),
  'a ClientHello that is cut short': recordsOf(messageOf(Buffer.alloc(34))),
  'a ClientHello whose lengths do not add up': recordsOf(messageOf(Buffer.concat([MESSAGE.subarray(4), u16(0)]))),
  'an extension that is cut short': recordsOf(messageOf(Buffer.concat([MESSAGE.subarray(4, 45), vector16(u16(9))]))),
  'an extension twice': recordsOf(helloOf([SNI, serverNames([0, 'a.b'])], [SNI, serverNames([0, 'c.d'])])),
  'a malformed server_name': recordsOf(helloOf([SNI, serverNames([0, 'a.b'], [0, 'c.d'])])),
  'a malformed ALPN': recordsOf(helloOf([ALPN, vector16(Buffer.from([0]))])),
}
for (const [reason, bytes] of Object.entries(WRONG))
  test(`it is no hello: ${reason}`, () => assert.equal(why(bytes), reason))

test('a record of another kind in the middle of a hello ends it', () => {
  const half = recordsOf(MESSAGE.subarray(0, 20))
  assert.equal(why(Buffer.concat([half, Buffer.from([21, 3, 1, 0, 2, 2, 40])])), 'not a handshake record')
  assert.equal(why(recordsOf(MESSAGE).fill(17, 1, 2)), 'not a version of TLS')
})

for (const data of [
  Buffer.alloc(0),
  u16(0),
  Buffer.from([0, 3, 0, 0, 0]),
  Buffer.from([0, 2, 0, 0, 9]),
  Buffer.from([0, 9, 0]),
])
  test(`server_name ${data.toString('hex') || 'of no bytes'} is malformed`, () =>
    assert.equal(why(recordsOf(helloOf([SNI, data]))), 'a malformed server_name'))

test('a hello is read up to 64 KiB, and no further', () => {
  const padded = (bytes: number): Buffer =>
    recordsOf(helloOf([21, Buffer.alloc(bytes)], [SNI, serverNames([0, 'a.b'])]))
  const room = MAX_HELLO_BYTES - padded(0).length - 3 * 5 // it takes four records, and one header is counted
  assert.equal(padded(room).length, MAX_HELLO_BYTES)
  assert.equal(hello(padded(room)).serverName, 'a.b')
  const parsed = parseClientHello(padded(room + 1))
  assert.deepEqual([parsed.kind, parsed.kind === 'none' && parsed.isCut], ['none', true])
  assert.equal(parseClientHello(padded(room + 1).subarray(0, MAX_HELLO_BYTES - 1)).kind, 'more')
})

test('a hello that announces more than is read is not waited for', () => {
  const parsed = parseClientHello(recordsOf(Buffer.from([1, 1, 0, 0])))
  assert.equal(parsed.kind === 'none' && parsed.isCut, true)
})

test('the name of a hello is validated', () => {
  assert.equal(hello(named('svc.example')).serverName, 'svc.example')
  assert.equal(hello(named('192.0.2.1')).serverName, undefined)
})
