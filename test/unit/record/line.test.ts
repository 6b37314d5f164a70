import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { connectionLine, exchangeLine, lineText } from '../../../src/record/line.ts'
import { connection, exchange, flow, forward, opaque, outcome, refuse, request } from './samples.ts'

const parsed = (text: string): Record<string, unknown> => JSON.parse(text)

test('a mocked exchange becomes one flat line', () => {
  assert.deepEqual(parsed(lineText(exchangeLine(exchange()))), {
    kind: 'exchange',
    time: '2025-01-02T03:04:05.678Z',
    direction: 'outbound',
    workload: 'run',
    process: 'curl',
    pid: 77,
    protocol: 'http/1.1',
    method: 'GET',
    host: 'example.com',
    path: '/hello',
    client: '127.0.0.1:40000',
    originalDestination: '93.184.216.34:80',
    resolvedBy: 'cookie',
    trail: [{ strategy: 'cookie', answer: 'found', detail: '93.184.216.34:80' }],
    decision: 'mock',
    expectation: 'greeting',
    status: 200,
    requestBytes: 0,
    responseBytes: 2,
    durationMs: 1.5,
    cookie: '4242',
    clientCookie: '4141',
  })
})

test('a connection becomes one flat line, its IPv6 address in brackets', () => {
  assert.deepEqual(parsed(lineText(connectionLine(connection()))), {
    kind: 'connection',
    time: '2025-01-02T03:04:05.678Z',
    process: 'curl',
    pid: 77,
    source: '10.0.0.5:50000',
    destination: '[2001:db8::1]:443',
    verdict: 'redirected',
    closeReason: 'orderly',
    bytesSent: 10,
    bytesReceived: 20,
    durationMs: 3,
    established: true,
    srttUs: 150,
    retransmits: 0,
    cookie: '4141',
  })
})

test('a forwarded exchange names the address dialled, and the expectation that said so', () => {
  const line = exchangeLine(exchange({ decision: { ...forward, expectationId: 'to-staging' } }))
  assert.equal(line.destination, '93.184.216.34:80')
  assert.equal(line.expectation, 'to-staging')
})

test('a refusal carries its reason even where the outcome has none', () => {
  const line = exchangeLine(exchange({ decision: refuse, outcome: outcome({ status: 404 }) }))
  assert.equal(line.fault, 'no_expectation')
})

test('opaque bytes have no method, host, path or status', () => {
  const line = parsed(lineText(exchangeLine(opaque())))
  for (const field of ['method', 'host', 'path', 'query', 'status']) assert.ok(!(field in line), field)
  assert.equal(line['protocol'], 'opaque')
})

test('a client that the kernel knows nothing of has no process', () => {
  const { saved: _, ...direct } = flow
  const line = parsed(lineText(exchangeLine(exchange({ flow: { ...direct, direction: 'direct', cookie: 0n } }))))
  assert.ok(!('process' in line) && !('pid' in line) && !('clientCookie' in line))
  assert.equal(line['cookie'], '0')
})

test('the trail says where to, why not, or what broke', () => {
  const destination = { address: 'example.com', port: 80 }
  const line = exchangeLine(
    exchange({
      resolution: {
        destination,
        resolvedBy: 'host',
        trail: [
          { strategy: 'cookie', answer: { kind: 'pass', why: 'no entry for cookie' } },
          { strategy: 'conntrack', answer: { kind: 'fault', error: new Error('netlink: EPERM') } },
          { strategy: 'host', answer: { kind: 'found', destination } },
        ],
      },
    }),
  )
  assert.deepEqual(line.trail, [
    { strategy: 'cookie', answer: 'pass', detail: 'no entry for cookie' },
    { strategy: 'conntrack', answer: 'fault', detail: 'netlink: EPERM' },
    { strategy: 'host', answer: 'found', detail: 'example.com:80' },
  ])
})

test('a canary in headers, userinfo, body and secret parameters is in no line', () => {
  const canary = 'canary7f3a'
  const hostile = request({
    target: `http://joe:${canary}@example.com/a;sid=${canary}?token=${canary}`,
    path: `/a;sid=${canary}`,
    query: `token=${canary}&page=2`,
    headers: ['Authorization', `Bearer ${canary}`, 'Cookie', `s=${canary}`, 'X-Odd', canary],
    host: `joe:${canary}@example.com`,
  })
  const response = { statusCode: 200, headers: ['Set-Cookie', canary], body: Buffer.from(canary), delayMs: 0 }
  const text = lineText(
    exchangeLine(
      exchange({
        request: hostile,
        decision: { kind: 'mock', expectationId: 'e', action: { kind: 'respond', response } },
      }),
    ),
  )
  assert.ok(!text.includes(canary), text)
  assert.match(text, /"query":"token=\*\*\*&page=2"/)
})

test('what is longer than its bound ends in an ellipsis', () => {
  const long = 'x'.repeat(70_000)
  const head = request({ method: long, path: `/${long}`, query: `a=${long}`, host: long })
  const workload = { id: 1, name: long }
  const line = exchangeLine(exchange({ request: head, flow: { ...flow, workload } }))
  assert.equal(line.path?.length, 2048)
  assert.equal(line.query?.length, 2048)
  assert.equal(line.host?.length, 255)
  assert.equal(line.method?.length, 32)
  assert.equal(line.workload.length, 255)
  assert.ok(line.path?.endsWith('…'))
})

test('any request gives exactly one line without raw control characters', () => {
  const text = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(text, text, text, text, (method, path, query, host) => {
      const line = lineText(exchangeLine(exchange({ request: request({ method, path, query, host }) })))
      assert.match(line, /^[^\p{Cc}]*\n$/u)
      JSON.parse(line)
    }),
  )
})

test('a clock that is no number gives a date, not an exception', () => {
  assert.equal(exchangeLine(exchange({ startedAtMs: Number.NaN })).time, '1970-01-01T00:00:00.000Z')
})

test('what TLS names, and what contradicts the destination, are told bounded and without secrets', () => {
  const line = exchangeLine(exchange({ serverName: 'svc.example', mismatch: 'user:secret@far.example:81\x9b' }))
  assert.equal(line.serverName, 'svc.example')
  assert.equal(line.mismatch, 'far.example:81%9B')
  assert.equal(exchangeLine(exchange({ serverName: 'a'.repeat(300) })).serverName?.length, 255)
})

test('an inbound exchange tells its URLs and names no process: the client is on another machine', () => {
  const inbound = { ...flow, direction: 'inbound', local: { address: '192.0.2.1', port: 8080 } } as const
  const dialled = { address: '127.0.0.1', port: 8080 }
  const line = parsed(
    lineText(
      exchangeLine(
        exchange({
          flow: inbound,
          request: request({ path: '/hello', query: 'token=secret&page=2', host: 'shop.example' }),
          decision: forward,
          outcome: outcome({ dialled }),
        }),
      ),
    ),
  )
  const told = ['direction', 'process', 'pid', 'clientCookie', 'destination', 'originalUrl', 'proxiedUrl']
  assert.deepEqual(
    told.map((field) => line[field]),
    [
      'inbound',
      undefined,
      undefined,
      undefined,
      '127.0.0.1:8080',
      'http://shop.example/hello?token=***&page=2',
      'http://127.0.0.1:8080/hello?token=***&page=2',
    ],
  )
  const mocked = exchangeLine(exchange({ flow: inbound }))
  assert.deepEqual([mocked.originalUrl, mocked.proxiedUrl], ['http://example.com/hello', undefined])
  const relayed = exchangeLine(opaque({ flow: inbound }))
  assert.deepEqual([relayed.originalUrl, relayed.proxiedUrl], [undefined, undefined])
})

test('a line of a pod says its namespace and name, one of a workload without a UID no pod', () => {
  const pod = { id: 7, uid: 'u1', namespace: 'shop', name: 'cart-1' }
  const ofPod = exchangeLine(exchange({ flow: { ...flow, workload: pod } }))
  assert.deepEqual([ofPod.workload, ofPod.namespace, ofPod.pod], ['cart-1', 'shop', 'cart-1'])
  const ofRun = exchangeLine(exchange({ flow: { ...flow, workload: { id: 1, name: 'run', namespace: 'shop' } } }))
  assert.deepEqual([ofRun.workload, ofRun.namespace, ofRun.pod], ['run', 'shop', undefined])
})

test('a connection says whose it was, what its destination is called and where it really went', () => {
  const workload = { uid: 'u1', namespace: 'shop', name: 'cart-1' }
  const names = Array.from({ length: 20 }, (_, n) => `n${n}.example`)
  const line = connectionLine(connection({ workload, names, dialled: { address: '10.1.2.3', port: 8443 } }))
  assert.deepEqual(
    [line.workload, line.namespace, line.pod, line.dialled],
    ['cart-1', 'shop', 'cart-1', '10.1.2.3:8443'],
  )
  assert.deepEqual(line.names, names.slice(0, 8))
  const same = connectionLine(connection({ names: [], dialled: connection().destination }))
  assert.deepEqual([same.names, same.dialled, same.workload], [undefined, undefined, undefined])
})
