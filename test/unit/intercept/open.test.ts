import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Named } from '../../../src/flow.ts'
import { type OpenOptions, openFlow } from '../../../src/intercept/open.ts'
import { helloOf, recordsOf, serverNames } from '../../support/hellos.ts'
import { http2Start, PREFACE, SETTINGS } from '../../support/http2-start.ts'
import { createWatch, request, socketPair } from '../../support/plane-lab.ts'

const DESTINATION = { address: '192.0.2.1', port: 25 }
const NONE: Buffer = Buffer.alloc(0)

/** A flow being opened on a real connection; what became of it is in `seen`. */
const opening = async (t: TestContext, changes: Partial<OpenOptions> = {}, first = NONE, destination = true) => {
  const { ours, client } = await socketPair(t)
  const upstream = await socketPair(t)
  upstream.ours.resume() // as `net` leaves a connected socket once somebody listens
  const watch = createWatch()
  const seen: string[] = []
  let dials = 0
  let given: { upstream?: Socket; upstreamError?: Error; named?: () => Named | undefined } = {}
  const note = (what: string): void => {
    seen.push(what)
    watch.changed()
  }
  const waits = { peekTimeoutMs: 1, headTimeoutMs: 5, idleTimeoutMs: 5, onPeekLimit: () => undefined }
  const known = { mayMock: false, awaitsName: false }
  const dial: OpenOptions['dial'] = (_, done) => {
    dials += 1
    done(undefined, upstream.ours)
    watch.changed()
  }
  ours.on('close', () => watch.changed())
  openFlow(
    ours,
    destination ? DESTINATION : undefined,
    first,
    { ...waits, ...known, dial, ...changes },
    {
      http: (bytes) => note(`http ${bytes}`),
      bytes: (opened) => {
        given = opened
        note(`${opened.protocol} ${opened.bytes.toString('latin1')}<${opened.fromUpstream ?? ''}>`)
      },
    },
  )
  return {
    ours,
    client,
    server: upstream.client,
    upstream: upstream.ours,
    seen,
    settled: () => watch.until('the flow to be open', () => seen.length > 0),
    closed: () => watch.until('our socket to close', () => ours.destroyed),
    dialled: () => watch.until('the dial', () => dials > 0),
    get given() {
      return given
    },
  }
}

test('a client that speaks HTTP at once is not dialled for', async (t) => {
  const flow = await opening(t, { peekTimeoutMs: 8000, dial: () => assert.fail('dialled') })
  flow.client.send(request('GET /'))
  await flow.settled()
  assert.deepEqual(flow.seen, [`http ${request('GET /')}`])
  assert.equal(flow.ours.isPaused(), true)
})

test('bytes that were read earlier decide like any', async (t) => {
  const flow = await opening(t, { peekTimeoutMs: 8000 }, Buffer.from('GET / HTTP/1.1\r\n'))
  assert.deepEqual(flow.seen, ['http GET / HTTP/1.1\r\n'])
})

test('an undecided start that never goes on is given to HTTP when it looks like it, and relayed when not', async (t) => {
  const http = await opening(t)
  http.client.send('GE')
  await http.settled()
  assert.deepEqual(http.seen, ['http GE'])
  const opaque = await opening(t)
  opaque.client.send('HELLO')
  await opaque.settled()
  assert.deepEqual(opaque.seen, ['opaque HELLO<>'])
})

test('a server that speaks first settles it, and its socket is handed over', async (t) => {
  const flow = await opening(t)
  await flow.dialled()
  flow.server.send('220 hi')
  await flow.settled()
  assert.deepEqual(flow.seen, ['opaque <220 hi>'])
  assert.ok(flow.given.upstream)
})

test('a server that only ends is handed over too', async (t) => {
  const flow = await opening(t)
  await flow.dialled()
  flow.server.socket.end()
  await flow.settled()
  assert.deepEqual(flow.seen, ['opaque <>'])
  assert.equal(flow.given.upstream?.readableEnded, true)
})

test('a server that resets is told as the error it was', async (t) => {
  const flow = await opening(t)
  await flow.dialled()
  flow.server.socket.resetAndDestroy()
  await flow.settled()
  assert.equal(flow.given.upstream, undefined)
  assert.match(String(flow.given.upstreamError), /ECONNRESET/)
})

test('a dial that fails is told, unless the client may still be mocked', async (t) => {
  const refused: OpenOptions['dial'] = (_, done) => done(new Error('refused'))
  const told = await opening(t, { dial: refused })
  await told.settled()
  assert.match(String(told.given.upstreamError), /refused/)
  const kept = await opening(t, { dial: refused, mayMock: true, idleTimeoutMs: 8000 })
  kept.client.send(request('GET /'))
  await kept.settled()
  assert.match(kept.seen[0] ?? '', /^http/)
})

test('a client that was silent and then speaks HTTP leaves the server alone', async (t) => {
  const flow = await opening(t)
  await flow.dialled()
  flow.client.send(request('GET /'))
  await flow.settled()
  assert.match(flow.seen[0] ?? '', /^http/)
  await flow.server.ended()
})

test('a client that ends without a byte is relayed where there is a destination, else closed', async (t) => {
  const relayed = await opening(t, { peekTimeoutMs: 8000 })
  relayed.client.socket.end()
  await relayed.settled()
  assert.deepEqual(relayed.seen, ['opaque <>'])
  const closed = await opening(t, { peekTimeoutMs: 8000 }, NONE, false)
  closed.client.socket.end()
  await closed.closed()
  assert.deepEqual(closed.seen, [])
})

test('a client that resets before it speaks takes the server along', async (t) => {
  const flow = await opening(t)
  await flow.dialled()
  flow.client.socket.resetAndDestroy()
  assert.equal((await flow.server.ended()).error, 'ECONNRESET')
  assert.deepEqual(flow.seen, [])
})

test('a silent client without a server is closed after a while', async (t) => {
  const flow = await opening(t, {}, NONE, false)
  await flow.closed()
  assert.equal((await flow.client.ended()).error, undefined)
})

test('too many bytes that decide nothing are relayed', async (t) => {
  const flow = await opening(t, { peekTimeoutMs: 8000 })
  flow.client.send(`X ${'x'.repeat(20_000)}`)
  await flow.settled()
  assert.match(flow.seen[0] ?? '', /^opaque X x/)
})

const HELLO = recordsOf(helloOf([0, serverNames([0, 'svc.example'])]))
const latin1 = (bytes: Buffer): string => bytes.toString('latin1')

test('a TLS hello that comes in pieces is waited for, and names its server', async (t) => {
  const flow = await opening(t, { peekTimeoutMs: 8000 }, HELLO.subarray(0, 4))
  assert.deepEqual(flow.seen, [])
  flow.client.send(HELLO.subarray(4, 30))
  flow.client.send(HELLO.subarray(30))
  await flow.settled()
  assert.deepEqual(flow.seen, [`tls ${latin1(HELLO)}<>`])
  assert.deepEqual(flow.given.named?.(), { address: 'svc.example' })
})

test('a TLS hello that is never whole is handed on as it is, and names nobody', async (t) => {
  const flow = await opening(t, {}, HELLO.subarray(0, 30))
  await flow.settled()
  assert.deepEqual(flow.seen, [`tls ${latin1(HELLO.subarray(0, 30))}<>`])
  assert.equal(flow.given.named?.(), undefined)
})

test('half a TLS hello and an end are handed on', async (t) => {
  const flow = await opening(t, { peekTimeoutMs: 8000 }, HELLO.subarray(0, 30))
  flow.client.socket.end()
  await flow.settled()
  assert.deepEqual(flow.seen, [`tls ${latin1(HELLO.subarray(0, 30))}<>`])
})

test('TLS that begins with no hello is handed on at once', async (t) => {
  const flow = await opening(t, { peekTimeoutMs: 8000 }, Buffer.from([22, 3, 1, 0, 1, 2]))
  assert.equal(flow.seen.length, 1)
  assert.equal(flow.given.named?.(), undefined)
})

test('a hello of more bytes than are looked at is handed on, and the limit is told', async (t) => {
  let limits = 0
  const long = recordsOf(Buffer.concat([Buffer.from([1, 0, 255, 255]), Buffer.alloc(65_535)]))
  const flow = await opening(t, { peekTimeoutMs: 8000, onPeekLimit: () => limits++ }, long)
  assert.equal(flow.seen.length, 1)
  assert.equal(limits, 1)
})

for (const [what, first] of [
  ['an unknown protocol', 'HEL'],
  ['half a TLS hello', latin1(HELLO.subarray(0, 30))],
] as const)
  test(`a server that speaks into ${what} does not make it be lost`, async (t) => {
    const flow = await opening(t)
    await flow.dialled()
    // In one turn, so that the client's bytes are there and its time is not over.
    flow.ours.emit('data', Buffer.from(first, 'latin1'))
    flow.upstream.emit('data', Buffer.from('220'))
    assert.deepEqual(flow.seen, [`${what.endsWith('hello') ? 'tls' : 'opaque'} ${first}<220>`])
  })

test('the first request of HTTP/2 is waited for where nothing else says where it goes', async (t) => {
  const bytes = await http2Start({ ':authority': 'svc.example:81', ':scheme': 'http', ':path': '/' })
  const flow = await opening(t, { peekTimeoutMs: 8000, awaitsName: true }, bytes.subarray(0, 30), false)
  flow.client.send(bytes.subarray(30, 50))
  flow.client.send(bytes.subarray(50))
  await flow.settled()
  assert.deepEqual(flow.seen, [`http/2 ${latin1(bytes)}<>`])
  assert.deepEqual(flow.given.named?.(), { address: 'svc.example', port: 81 })
})

test('a client of HTTP/2 that awaits the settings of its server is not waited for longer than for any', async (t) => {
  const flow = await opening(t, { awaitsName: true }, Buffer.concat([PREFACE, SETTINGS]), false)
  await flow.settled()
  assert.match(flow.seen[0] ?? '', /^http\/2 /)
  assert.equal(flow.given.named?.(), undefined)
})

test('HTTP/2 with a destination is handed on at once, and its name is learnt meanwhile', async (t) => {
  const bytes = await http2Start({ ':authority': 'svc.example:81', ':scheme': 'http', ':path': '/' })
  const flow = await opening(t, { peekTimeoutMs: 8000 }, bytes)
  assert.deepEqual(flow.seen, [`http/2 ${latin1(bytes)}<>`])
  assert.equal(flow.given.named?.(), undefined)
  for (let turns = 0; turns < 1000 && !flow.given.named?.(); turns++) await new Promise((next) => setImmediate(next))
  assert.deepEqual(flow.given.named?.(), { address: 'svc.example', port: 81 })
})

test('a client that was waited for already is dialled for at once, and has its time once it speaks', async (t) => {
  const flow = await opening(t, { isSilent: true, peekTimeoutMs: 60_000 })
  await flow.dialled()
  flow.client.send('PUR')
  await new Promise((resolve) => flow.ours.once('data', resolve))
  flow.client.send('GE / HTTP/1.1\r\n')
  await flow.settled()
  assert.deepEqual(flow.seen, ['http PURGE / HTTP/1.1\r\n'])
})
