import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RequestBody } from '../../../../src/config/request-body-schema.ts'
import { createCandidates } from '../../../../src/decide/matching/candidates.ts'
import type { RequestSpec } from '../../../../src/decide/matching/request-spec.ts'
import type { RequestHead } from '../../../../src/flow.ts'
import { expectation, head } from '../build.ts'

const COUNT = 10_000

/** How many of ten thousand expectations are looked at for a request that only one of them could match. */
function askedFor(spec: (at: number) => RequestSpec, request: RequestHead, body?: Buffer): number {
  const candidates = createCandidates(Array.from({ length: COUNT }, (_, at) => expectation({ httpRequest: spec(at) })))
  let asked = 0
  candidates.first(request.path, { head: request, body, query: undefined, read: undefined }, () => {
    asked++
    return false
  })
  return asked
}

const host = (value: string): RequestSpec['headers'] => [{ name: 'Host', values: [value] }]
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'X-A', 'X-B', 'X-C']

test('ten thousand literal paths are told apart, with dots in them or without', () => {
  assert.equal(
    askedFor((at) => ({ path: `/item/${at}` }), head('GET /item/9999')),
    1,
  )
  assert.equal(
    askedFor((at) => ({ path: `/v1.0/item/${at}.json` }), head('GET /v1.0/item/9999.json')),
    1,
  )
})

test('ten thousand templated paths and patterns are told apart by what they fix of their segments', () => {
  const request = head('GET /api/v1/anything/item-7777')
  const templated = (at: number): RequestSpec => ({
    path: `/api/v1/{id}/item-${at}`,
    pathParameters: [{ name: 'id', values: ['.*'] }],
  })
  assert.equal(askedFor(templated, request), 1)
  const paths: readonly ((at: number) => string)[] = [
    (at) => `/api/[^/]+/[a-z]+/item-${at}`,
    (at) => `/api/v[0-9]/.*/item-${at}`,
    (at) => `.*/item-${at}`,
    (at) => `/.*/${at % 2 === 0 ? 'any' : 'some'}thing/item-${at + 1}`,
    (at) => `/(?:api|rest)/[^/]+/[^/]+/item-${at}`,
    (at) => `/[a-z]+/v1/[a-z]+/[a-z]+-${at}`,
    (at) => `/[a-z]+/v1/[a-z]*/i[a-z]+-${at}(?=$)`,
  ]
  for (const path of paths) {
    assert.ok(askedFor((at) => ({ path: path(at) }), request) <= 1, path(1))
  }
  assert.equal(
    askedFor((at) => ({ path: `/api/[^/]+/item-${at}/[0-9]+` }), head('GET /api/x/item-42/1')),
    1,
  )
  assert.equal(
    askedFor((at) => ({ path: `/api/[^/]+/${at}-item-[a-z]+` }), head('GET /api/x/42-item-b')),
    1,
  )
})

test('ten thousand JSON bodies of one path are told apart by a value, whichever way they are written', () => {
  const request = head('POST /orders')
  const body = Buffer.from('{"order":{"id":9999,"lines":[{"article":"abc"}]}}')
  const json = (id: number) => ({ order: { id, lines: [{ article: 'abc' }] } })
  assert.equal(
    askedFor((at) => ({ body: RequestBody.parse(json(at)) }), request, body),
    1,
  )
  assert.equal(
    askedFor((at) => ({ body: RequestBody.parse({ type: 'JSON', json: json(at) }) }), request, body),
    1,
  )
})

test('patterns that fix the same are told apart by method and host', () => {
  const spec = (at: number): RequestSpec => ({
    method: METHODS[at % 10],
    path: '/[^/]+/b',
    headers: host(`h${at >> 3}`),
  })
  assert.ok(askedFor(spec, head('POST /a/b', 'host', 'h100')) <= 2)
})

test('one path in ten thousand hosts is told apart by host', () => {
  const request = head('GET /a', 'accept', '*/*', 'host', 'svc-7777.demo.svc')
  assert.equal(
    askedFor((at) => ({ path: '/a', headers: host(`svc-${at}.demo.svc`) }), request),
    1,
  )
  assert.equal(
    askedFor((at) => ({ headers: host(`svc-${at}.demo.svc`) }), request),
    1,
  )
})

test('what differs in method too is told apart by both', () => {
  const spec = (at: number): RequestSpec => ({ method: METHODS[at % 10], path: '/a/.*', headers: host(`h${at >> 3}`) })
  assert.ok(askedFor(spec, head('POST /a/b', 'host', 'h100')) <= 2)
})

test('a dot in a host is any character, as in every pattern', () => {
  const request = head('GET /a', 'host', 'svc-7xdemo')
  assert.equal(
    askedFor((at) => ({ path: '/a', headers: host(`svc-${at}.demo`) }), request),
    1,
  )
})

test('what is negated, optional or a pattern is always asked', () => {
  const request = head('GET /a', 'host', 'h')
  assert.equal(
    askedFor(() => ({ method: '!POST', headers: host('!x') }), request),
    COUNT,
  )
  assert.equal(
    askedFor(() => ({ not: true, method: 'POST' }), request),
    COUNT,
  )
  assert.equal(
    askedFor(() => ({ headers: [{ name: '?host', values: ['x'] }] }), request),
    COUNT,
  )
})
