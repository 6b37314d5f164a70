import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { har } from '../../../../src/config/import/har.ts'
import { checkValue, keyText } from '../../../../src/config/problems.ts'
import { compileExpectation } from '../../../../src/decide/matching/expectation.ts'
import { createExpectationStore, type ExpectationStore } from '../../../../src/decide/matching/store.ts'
import { answer, head } from '../../decide/build.ts'

type Json = Readonly<Record<string, unknown>>

const get = (url: string, more: Json = {}): Json => ({ method: 'GET', url, headers: [], ...more })
const reply = (status = 200, more: Json = {}): Json => ({ status, headers: [], content: {}, ...more })
const log = (...entries: readonly (readonly [Json, Json])[]): Json => ({
  log: { version: '1.2', entries: entries.map(([request, response]) => ({ request, response })) },
})

const sourcesOf = (document: unknown): Json[] => {
  const read = checkValue(har.schema, document)
  assert.ok('value' in read, JSON.stringify(read))
  return read.value.map(({ source }) => source as Json)
}
const storeOf = (document: unknown): ExpectationStore => {
  const read = checkValue(har.schema, document)
  assert.ok('value' in read, JSON.stringify(read))
  const specs = read.value.map((spec) => compileExpectation(spec, ''))
  return createExpectationStore(specs, 0)
}
const problemsOf = (document: unknown): string[] => {
  const read = checkValue(har.schema, document)
  return 'problems' in read ? read.problems.map(({ path, message }) => `${keyText(path)}: ${message}`) : []
}
/** Which entry answers. */
const entryFor = (
  store: ExpectationStore,
  ...asked: Parameters<typeof answer> extends [unknown, ...infer R] ? R : never
) => answer(store, ...asked).replace(/^har-[0-9a-f]{8}-/, '')

test('a request is asked for by method, path and query, literally', () => {
  const store = storeOf(log([get('https://shop.example:8443/a.b(c)?q=1%2B1&r=!x#top'), reply()]))
  assert.equal(entryFor(store, head('GET /a.b(c)?r=!x&q=1%2B1')), '0')
  assert.equal(entryFor(store, head('GET /aXb(c)?r=!x&q=1%2B1')), 'none')
  assert.equal(entryFor(store, head('GET /a.b(c)?r=y&q=1%2B1')), 'none')
  assert.equal(entryFor(store, head('POST /a.b(c)?r=!x&q=1%2B1')), 'none')
})

test('a value that looks like a comparison of numbers is text', () => {
  const store = storeOf(log([get('http://a/x?n=%3E5'), reply()]))
  assert.equal(entryFor(store, head('GET /x?n=%3E5')), '0')
  assert.equal(entryFor(store, head('GET /x?n=6')), 'none')
})

test('a long value with characters of patterns in it is compared as it stands', () => {
  const token = 'a+b.'.repeat(4000)
  const store = storeOf(log([get(`http://a/x?t=${encodeURIComponent(token)}`), reply()]))
  assert.equal(entryFor(store, head(`GET /x?t=${encodeURIComponent(token)}`)), '0')
  assert.equal(entryFor(store, head(`GET /x?t=${encodeURIComponent(token)}a`)), 'none')
})

test('headers of the client, the connection and secrets are not asked for', () => {
  const headers = ['Host', 'User-Agent', 'Authorization', 'Cookie', 'Accept', 'X-Tenant', ':method'].map((name) => {
    return { name, value: 'v.1' }
  })
  const [source = {}] = sourcesOf(log([get('http://a/', { headers }), reply()]))
  assert.deepEqual((source['httpRequest'] as Json)['headers'], { 'X-Tenant': ['v\\.1'] })
})

test('bodies are compared as what they say they are', () => {
  const post = (postData: Json): Json => get('http://a/', { method: 'POST', postData })
  const bodies = sourcesOf(
    log(
      [post({ mimeType: 'application/json', text: '{"a":1}' }), reply()],
      [post({ mimeType: 'application/json', text: 'broken' }), reply()],
      [post({ mimeType: 'application/x-www-form-urlencoded', params: [{ name: 'a', value: '1.5' }] }), reply()],
      [post({ mimeType: 'application/x-www-form-urlencoded', text: 'a=1' }), reply()],
      [
        post({ mimeType: 'multipart/form-data; boundary=x', text: '--x', params: [{ name: 'f', value: 'v' }] }),
        reply(),
      ],
      [post({ mimeType: 'image/png', text: 'AP8=', encoding: 'base64' }), reply()],
      [post({ mimeType: 'text/plain', text: '' }), reply()],
    ),
  ).map((source) => (source['httpRequest'] as Json)['body'])
  assert.deepEqual(bodies, [
    { type: 'JSON', json: '{"a":1}', matchType: 'STRICT' },
    { type: 'STRING', string: 'broken' },
    { type: 'PARAMETERS', parameters: { a: ['1\\.5'] } },
    { type: 'PARAMETERS', parameters: { a: ['1'] } },
    { type: 'MULTIPART', fields: { f: ['v'] } },
    { type: 'BINARY', base64Bytes: 'AP8=' },
    undefined,
  ])
})

test('an answer is given without what belonged to its connection or its encoding', () => {
  const names = ['Date', 'Content-Encoding', 'Content-Length', 'Transfer-Encoding', 'Connection', 'X-A', ':status']
  const headers = [...names.map((name) => ({ name, value: '1' })), { name: 'Set-Cookie', value: 'a=1\nb=2' }]
  const content = { mimeType: 'text/plain', text: 'hello' }
  const [source] = sourcesOf(log([get('http://a/'), reply(203, { statusText: 'Fine', headers, content })]))
  assert.deepEqual(source?.['httpResponse'], {
    statusCode: 203,
    reasonPhrase: 'Fine',
    headers: { 'X-A': ['1'], 'Set-Cookie': ['a=1', 'b=2'] },
    body: { type: 'STRING', string: 'hello', contentType: 'text/plain' },
  })
})

test('a body in base64 is sent as its bytes', () => {
  const content = { mimeType: 'image/png', text: 'AP8=', encoding: 'base64' }
  const read = checkValue(har.schema, log([get('http://a/'), reply(200, { content })]))
  const action = 'value' in read ? read.value[0]?.action : undefined
  assert.deepEqual(action?.kind === 'respond' ? [...action.response.body] : [], [0, 255])
})

test('a body that the log holds in its content encoding keeps the header, another loses it', () => {
  const encodingOf = (coding: string, bytes: Buffer, mimeType: string): unknown => {
    const headers = [{ name: 'Content-Encoding', value: coding }]
    const content = { mimeType, text: bytes.toString('base64'), encoding: 'base64' }
    const [source = {}] = sourcesOf(log([get('http://a/'), reply(200, { headers, content })]))
    return (source['httpResponse'] as Json)['headers']
  }
  const kept = (coding: string) => ({ 'Content-Encoding': [coding] })
  const text = Buffer.from('hello hello hello')
  assert.deepEqual(encodingOf('gzip', gzipSync(text), 'text/plain'), kept('gzip'))
  assert.deepEqual(encodingOf('br', brotliCompressSync(text), 'application/json'), kept('br'))
  assert.equal(encodingOf('gzip', text, 'text/plain'), undefined)
  assert.equal(encodingOf('br', text, 'text/plain'), undefined)
  assert.equal(encodingOf('br', Buffer.from([0, 255]), 'image/png'), undefined)
})

test('repeated requests are answered in turn, and with the last answer from then on', () => {
  const same = get('http://a/x')
  const store = storeOf(log([same, reply(200)], [get('http://a/y'), reply()], [same, reply(201)], [same, reply(202)]))
  const seen = [1, 2, 3, 4, 5].map(() => entryFor(store, head('GET /x')))
  assert.deepEqual(seen, ['0', '2', '3', '3', '3'])
})

test('what was never answered, or only announced, is left out', () => {
  assert.equal(sourcesOf(log([get('http://a/'), reply(0)], [get('http://a/'), reply(101)])).length, 0)
})

test('ids tell logs apart, and the same log has the same', () => {
  const ids = (path: string) => sourcesOf(log([get(`http://a${path}`), reply()])).map(({ id }) => id)
  assert.deepEqual(ids('/x'), ids('/x'))
  assert.notDeepEqual(ids('/x'), ids('/y'))
})

test('every problem is listed with its place, and nothing is taken', () => {
  const bad = log(
    [get('http://a/'), reply()],
    [get('http://a/', { method: 'G T' }), reply()],
    [get('http://a/'), reply(200, { headers: [{ name: 'x', value: 'é€' }] })],
    [get('http://a/'), { status: '200' }],
    [get('http://a/'), reply(200, { content: { text: '***', encoding: 'base64' } })],
  )
  assert.deepEqual(problemsOf(bad), [
    'log.entries[1].request.method: expected a method, got "G T"',
    'log.entries[3].response.status: expected a number, got "200"',
  ])
  const later = { log: { entries: [2, 4].map((at) => ((bad['log'] as Json)['entries'] as Json[])[at]) } }
  assert.deepEqual(problemsOf(later), [
    'log.entries[0]: httpResponse.headers.x[0]: a header value is one line of latin1 text',
    'log.entries[1]: httpResponse.body.base64Bytes: expected base64, got "***"',
  ])
})
