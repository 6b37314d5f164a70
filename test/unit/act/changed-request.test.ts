import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changedRequest, hostSetBy } from '../../../src/act/changed-request.ts'
import type { RequestChange } from '../../../src/action.ts'
import { type ParsedRequest, parseRequestHead } from '../../../src/http1/head.ts'
import { DEFAULT_LIMITS } from '../../../src/http1/limits.ts'

const parsed = (...lines: readonly string[]): ParsedRequest => {
  const result = parseRequestHead(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), 0, DEFAULT_LIMITS)
  if (result.kind !== 'head') throw new Error(JSON.stringify(result))
  return result.request
}
const REQUEST = parsed('POST /a?b=1 HTTP/1.1', 'Host: h', 'Content-Length: 3', 'X-A: 1')

const changed = (change: RequestChange, request = REQUEST, isReadHere = false): ParsedRequest => {
  const result = changedRequest(request, change, isReadHere)
  if (typeof result === 'string') throw new Error(result)
  return result
}
const refusal = (change: RequestChange, request = REQUEST): unknown => changedRequest(request, change, false)

test('no change is none', () => assert.deepEqual(changed({}), REQUEST))

test('the target follows path and query', () => {
  const { target, path, query } = changed({ path: '/c', query: [{ set: ['b', '2'] }] }).head
  assert.deepEqual([target, path, query], ['/c?b=2', '/c', 'b=2'])
  assert.equal(changed({ query: [{ remove: ['b'] }] }).head.target, '/a')
})

test('a path is rewritten as it was replaced', () => {
  assert.equal(changed({ path: '/c', rewritePath: (path) => `${path}${path}` }).head.target, '/c/c?b=1')
})

test('a whole request has nothing of the client’s', () => {
  const upgrade = parsed('GET /ws?a=1 HTTP/1.1', 'Host: h', 'Connection: upgrade', 'Upgrade: websocket', 'Cookie: a=1')
  const { head, framing, ...rest } = changed({ isWhole: true, headers: [{ set: ['host', 'other:1'] }] }, upgrade)
  assert.deepEqual([head.method, head.target, head.host, head.headers], ['GET', '/', 'other:1', ['host', 'other:1']])
  assert.deepEqual(framing, { kind: 'none' })
  assert.equal('upgrade' in rest, false)
})

test('a body has its length, and an empty one only where one is expected', () => {
  assert.deepEqual(changed({ body: Buffer.from('four') }).framing, { kind: 'length', bytes: 4 })
  assert.deepEqual(changed({ body: Buffer.alloc(0) }).framing, { kind: 'length', bytes: 0 })
  assert.deepEqual(changed({ method: 'GET', body: Buffer.alloc(0) }).framing, { kind: 'none' })
})

test('an answer that is read here is asked for uncompressed', () => {
  const gzip = parsed('GET / HTTP/1.1', 'Host: h', 'Accept-Encoding: gzip')
  assert.deepEqual(changed({}, gzip, true).head.headers, ['Host', 'h', 'accept-encoding', 'identity'])
  assert.deepEqual(changed({}, gzip).head.headers, ['Host', 'h', 'Accept-Encoding', 'gzip'])
})

test('what cannot stand in a request is refused, whoever says it', () => {
  assert.match(String(refusal({ path: '/a b' })), /path cannot stand/)
  assert.match(String(refusal({ path: 'a' })), /path cannot stand/)
  assert.match(String(refusal({ path: '/a?b' })), /path cannot stand/)
  assert.match(String(refusal({ path: '/a\r\nx: y' })), /path cannot stand/)
  assert.match(String(refusal({ rewritePath: () => undefined })), /too long/)
  assert.match(String(refusal({ method: 'A B' })), /method cannot stand/)
  assert.match(String(refusal({ method: 'CONNECT' })), /CONNECT/)
  assert.match(String(refusal({ headers: [{ set: ['x-a', 'b\r\nc'] }] })), /invalid character in the value of x-a/)
  assert.match(String(refusal({ headers: [{ set: ['x a', 'b'] }] })), /invalid header name/)
  assert.match(String(refusal({ headers: [{ set: ['host', 'a/b'] }] })), /names no host/)
  assert.match(String(refusal({ cookies: [{ set: ['a', 'b\n'] }] })), /invalid character/)
})

test('CONNECT keeps its target', () => {
  const connect = parsed('CONNECT h:443 HTTP/1.1', 'Host: h:443')
  assert.equal(changed({ headers: [{ set: ['x-a', '1'] }] }, connect).head.target, 'h:443')
})

test('the last Host that a change sets is whom it names', () => {
  assert.equal(hostSetBy({}), undefined)
  assert.equal(hostSetBy({ headers: [{ set: ['HOST', 'a'] }, { add: ['x', 'y'] }, { replace: ['host', 'b'] }] }), 'b')
})
