import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  answeredMessage,
  clientIdMessage,
  readMessage,
  requestMessage,
} from '../../../src/control/callback-messages.ts'

const CLASS = { response: 'org.mockserver.model.HttpResponse', request: 'org.mockserver.model.HttpRequest' }
const message = (type: string, value: unknown): string => JSON.stringify({ type, value: JSON.stringify(value) })

test('what is sent has the class names of MockServer, and its value as a string', () => {
  assert.equal(
    clientIdMessage('x'),
    '{"type":"org.mockserver.serialization.model.WebSocketClientIdDTO","value":"{\\"clientId\\":\\"x\\"}"}',
  )
  const request = JSON.parse(requestMessage({ path: '/a', headers: { b: ['1'] } }, 'c'))
  assert.equal(request.type, CLASS.request)
  assert.deepEqual(JSON.parse(request.value), { path: '/a', headers: { b: ['1'], WebSocketCorrelationId: ['c'] } })
  const both = JSON.parse(answeredMessage({ path: '/a' }, { statusCode: 200 }, 'c'))
  assert.equal(both.type, 'org.mockserver.model.HttpRequestAndHttpResponse')
  assert.deepEqual(JSON.parse(both.value), {
    httpRequest: { path: '/a', headers: { WebSocketCorrelationId: ['c'] } },
    httpResponse: { statusCode: 200 },
  })
})

test('the correlation is found in every form of headers, and taken out', () => {
  for (const headers of [
    { WebSocketCorrelationId: ['c'], a: ['1'] },
    { websocketcorrelationid: 'c', a: ['1'] },
    [
      { name: 'WebSocketCorrelationId', values: ['c'] },
      { name: 'a', values: ['1'] },
    ],
  ])
    assert.deepEqual(readMessage(message(CLASS.response, { headers })), {
      kind: 'response',
      correlationId: 'c',
      value: { headers: [{ name: 'a', values: ['1'] }] },
    })
})

test('of two spellings of a header, the one that was set later counts', () => {
  const headers = { Host: ['before'], WebSocketCorrelationId: ['c'], host: ['after'] }
  const read = readMessage(message(CLASS.request, { headers }))
  assert.ok(read.kind === 'request')
  assert.deepEqual(read.value, { headers: [{ name: 'host', values: ['after'] }] })
})

test('what only says how a request or a body came is left out', () => {
  const body = { type: 'STRING', string: 'a', rawBytes: 'YQ==', contentType: 'text/plain' }
  const headers = { WebSocketCorrelationId: ['c'], 'Content-Length': ['1'] }
  const given = {
    keepAlive: true,
    protocol: 'HTTP_1_1',
    localAddress: 'a',
    remoteAddress: 'b',
    body,
    headers,
    cookies: null,
  }
  const read = readMessage(message(CLASS.request, given))
  assert.ok(read.kind === 'request')
  assert.deepEqual(read.value, { body: { type: 'STRING', string: 'a', contentType: 'text/plain' } })
})

test('a message that ties to nothing is bad, one of another kind is not', () => {
  assert.equal(readMessage(message(CLASS.response, {})).kind, 'bad')
  assert.equal(readMessage(message('some.Other', {})).kind, 'other')
  assert.equal(readMessage(JSON.stringify({ type: CLASS.response, value: '{' })).kind, 'bad')
})

const header = fc.oneof(fc.constantFrom('WebSocketCorrelationId', 'a'), fc.string())
const value = fc.oneof(
  fc.record({ headers: fc.oneof(fc.dictionary(header, fc.anything()), fc.array(fc.anything()), fc.anything()) }),
  fc.anything(),
)

test('whatever a client sends, reading it throws nothing', () => {
  const type = fc.oneof(
    fc.constantFrom(...Object.values(CLASS)),
    fc.constant('org.mockserver.serialization.model.WebSocketErrorDTO'),
    fc.string(),
  )
  const text = fc.oneof(
    fc.string(),
    fc.tuple(type, fc.oneof(value, fc.json())).map(([name, given]) => {
      const inner =
        typeof given === 'string'
          ? given
          : (JSON.stringify(given, (_, part) => (typeof part === 'bigint' ? 0 : part)) ?? '')
      return JSON.stringify({ type: name, value: inner })
    }),
  )
  fc.assert(
    fc.property(text, (given) => {
      const read = readMessage(given)
      return ['response', 'request', 'failure', 'other', 'bad'].includes(read.kind)
    }),
  )
})
