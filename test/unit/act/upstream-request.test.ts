import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ForwardTarget,
  hostHeader,
  targetFor,
  upgradeHeaders,
  upstreamHeaders,
} from '../../../src/act/upstream-request.ts'
import { type ParsedRequest, parseRequestHead } from '../../../src/http1/head.ts'
import { DEFAULT_LIMITS } from '../../../src/http1/limits.ts'
import { request } from '../../support/plane-lab.ts'

const parse = (text: string): ParsedRequest['head'] => {
  const parsed = parseRequestHead(Buffer.from(text, 'latin1'), 0, DEFAULT_LIMITS)
  assert.equal(parsed.kind, 'head')
  return (parsed as { request: ParsedRequest }).request.head
}
const DESTINATION = { address: '192.0.2.1', port: 81 }
const AS_PROXY: ForwardTarget = { destination: DESTINATION, source: '', verbatim: false }
const VERBATIM: ForwardTarget = { ...AS_PROXY, verbatim: true }

test('a proxy sends origin-form, whoever is only in between sends what the client sent', () => {
  const head = parse(request('GET http://far.example/a?b=1'))
  assert.equal(targetFor(head, AS_PROXY), '/a?b=1')
  assert.equal(targetFor(head, VERBATIM), 'http://far.example/a?b=1')
  assert.equal(targetFor(parse(request('GET /a?b=1#c')), AS_PROXY), '/a?b=1#c')
  assert.equal(targetFor(parse(request('OPTIONS *')), AS_PROXY), '*')
})

test('Host is what the client sent, the authority of its target, or the one of the expectation', () => {
  const head = parse(request('GET http://far.example/', 'HOST: near.example'))
  assert.deepEqual(upstreamHeaders(head, VERBATIM), ['HOST', 'near.example'])
  assert.deepEqual(upstreamHeaders(head, AS_PROXY), ['HOST', 'far.example'])
  assert.deepEqual(upstreamHeaders(head, { ...AS_PROXY, host: 'other' }), ['HOST', 'other'])
})

test('a request without a Host gets the one of its destination', () => {
  assert.deepEqual(upstreamHeaders(parse('GET / HTTP/1.0\r\n\r\n'), VERBATIM), ['host', '192.0.2.1:81'])
})

test('headers of this hop and of the framing are left out', () => {
  const sent = ['Host: a', 'Content-Length: 0', 'Connection: x-hop', 'X-Hop: 1', 'TE: trailers', 'X-End: 2']
  assert.deepEqual(upstreamHeaders(parse(request('POST /', ...sent)), VERBATIM), ['Host', 'a', 'X-End', '2'])
})

test('credentials for a proxy go to the proxy, and no further', () => {
  const head = parse(request('GET http://far.example/', 'Proxy-Authorization: Basic abc'))
  assert.ok(upstreamHeaders(head, VERBATIM).includes('Basic abc'))
  assert.ok(!upstreamHeaders(head, AS_PROXY).includes('Basic abc'))
  const origin = parse(request('GET /', 'Proxy-Authorization: Basic abc'))
  assert.ok(!upstreamHeaders(origin, VERBATIM).includes('Basic abc'))
})

test('an offer of another protocol goes with what Connection names', () => {
  const head = parse(
    request('GET /', 'Connection: keep-alive, Upgrade', 'Connection: x-more', 'Upgrade: ws', 'X-More: 1'),
  )
  assert.deepEqual(upgradeHeaders(head), ['connection', 'keep-alive, Upgrade, x-more', 'upgrade', 'ws', 'x-more', '1'])
})

test('Connection cannot name what frames or routes the request', () => {
  const head = parse(request('GET /', 'Connection: upgrade, content-length, host', 'Upgrade: ws', 'Content-Length: 0'))
  assert.deepEqual(upgradeHeaders(head).slice(2), ['upgrade', 'ws'])
})

test('a Host header has the port where it is not 80, and brackets around IPv6', () => {
  assert.equal(hostHeader({ address: 'a.example', port: 80 }), 'a.example')
  assert.equal(hostHeader({ address: 'a.example', port: 81 }), 'a.example:81')
  assert.equal(hostHeader({ address: '2001:db8::1', port: 80 }), '[2001:db8::1]')
})

test('a request that may come back is marked behind the marks before, and no other is', () => {
  const head = parse(request('GET /', 'Host: a', 'X-Forwarded-By: other'))
  assert.deepEqual(upstreamHeaders(head, AS_PROXY), ['Host', 'a', 'X-Forwarded-By', 'other'])
  const marked = upstreamHeaders(head, { ...AS_PROXY, forwardedBy: 'Understudy_1' })
  assert.deepEqual(marked, ['Host', 'a', 'x-forwarded-by', 'other, Understudy_1'])
})

test('the client is named to the upstream in end-to-end headers, whatever Connection says of them', () => {
  const head = parse(request('GET /', 'host: a', 'connection: x-forwarded-for', 'x-forwarded-for: forged'))
  const target = { ...VERBATIM, forwarded: { style: 'x-forwarded-for', client: '192.0.2.7' } } as const
  assert.deepEqual(upstreamHeaders(head, target), ['host', 'a', 'x-forwarded-for', '192.0.2.7'])
})
