import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { MockResponse } from '../../../src/action.ts'
import { loadExpectations } from '../../../src/config/load-expectations.ts'
import type { Expectation } from '../../../src/decide/matching/expectation.ts'
import { createExpectationStore } from '../../../src/decide/matching/store.ts'
import { UnderstudyError } from '../../../src/errors.ts'
import { answer, head } from '../decide/build.ts'

const folder = mkdtempSync(join(tmpdir(), 'expectations-'))
after(() => rmSync(folder, { recursive: true }))

function load(text: string, name = 'mock.yaml'): Expectation[] {
  const path = join(folder, name)
  writeFileSync(path, text)
  return loadExpectations(path)
}

/** The lines of the error, without the folder. */
function problems(text: string): string[] {
  try {
    load(text)
  } catch (error) {
    assert.ok(error instanceof UnderstudyError && error.code === 'BAD_EXPECTATIONS', String(error))
    return error.message.replaceAll(`${folder}/`, '').split('\n')
  }
  assert.fail('nothing was thrown')
}

function response(text: string): MockResponse {
  const [first] = load(text)
  assert.ok(first?.action.kind === 'respond')
  return first.action.response
}

test('a file holds one expectation, a list of them, or a list under a key', () => {
  assert.deepEqual(
    load('httpResponse: {}').map(({ id }) => id),
    ['mock.yaml#1'],
  )
  assert.deepEqual(
    load('[{"httpResponse":{}},{"id":"b","httpResponse":{}}]', 'a.json').map(({ id }) => id),
    ['a.json#1', 'b'],
  )
  assert.equal(load('expectations:\n  - httpResponse: {}\n  - httpResponse: {}\n').length, 2)
  assert.equal(load('[]').length, 0)
})

test('a bare object is served pretty-printed as JSON', () => {
  const { body, headers } = response('httpResponse: {body: {id: 7, tags: [a, {b: []}], none: {}, text: "q\\""}}')
  const lines = ['{', '  "id" : 7,', '  "tags" : [ "a", {', '    "b" : [ ]', '  } ],', '  "none" : { },']
  assert.equal(body.toString(), [...lines, '  "text" : "q\\""', '}'].join('\n'))
  assert.deepEqual(headers, ['content-type', 'application/json; charset=utf-8'])
})

test('a bare list is served as JSON, and so is an object whose type is its own', () => {
  assert.equal(response('httpResponse: {body: [1, 2]}').body.toString(), '[ 1, 2 ]')
  assert.equal(response('httpResponse: {body: {type: order}}').body.toString(), '{\n  "type" : "order"\n}')
})

test('JSON given as text is served as it is written', () => {
  const { body, headers } = response(`httpResponse: {body: {type: JSON, json: '{"a":1.0}'}}`)
  assert.equal(body.toString(), '{"a":1.0}')
  assert.deepEqual(headers, ['content-type', 'application/json; charset=utf-8'])
  assert.equal(response('httpResponse: {body: {type: JSON, json: {a: 1}}}').body.toString(), '{\n  "a" : 1\n}')
})

test('a text body has no content type unless it is given one', () => {
  assert.deepEqual(response('httpResponse: {body: hé}').headers, [])
  assert.equal(response('httpResponse: {body: hé}').body.toString(), 'hé')
  const typed = response('httpResponse: {body: {type: STRING, string: "<a/>", contentType: text/xml}}')
  assert.deepEqual([typed.body.toString(), ...typed.headers], ['<a/>', 'content-type', 'text/xml'])
})

test('a binary body is decoded', () => {
  const { body, headers } = response('httpResponse: {body: {type: BINARY, base64Bytes: AP8=, contentType: image/png}}')
  assert.deepEqual([...body], [0, 255])
  assert.deepEqual(headers, ['content-type', 'image/png'])
  const xml = response('httpResponse: {body: {type: XML, xml: "<a/>", rawBytes: PGEvPg==}}')
  assert.deepEqual([`${xml.body}`, xml.headers], ['<a/>', ['content-type', 'application/xml; charset=utf-8']])
})

test('a content type among the headers is kept', () => {
  const { headers } = response('httpResponse: {headers: {Content-Type: [text/x]}, body: {a: 1}}')
  assert.deepEqual(headers, ['Content-Type', 'text/x'])
})

test('headers keep their order and their repetitions, in either form', () => {
  const expected = ['x-a', '1', 'x-a', '2', 'x-b', '3']
  assert.deepEqual(response('httpResponse: {headers: {x-a: ["1", "2"], x-b: "3"}}').headers, expected)
  const list = 'httpResponse: {headers: [{name: x-a, values: ["1", "2"]}, {name: x-b, values: ["3"]}]}'
  assert.deepEqual(response(list).headers, expected)
})

test('status, reason and delay have defaults and can be set', () => {
  const plain = response('httpResponse: {}')
  assert.deepEqual(plain, { statusCode: 200, headers: [], body: Buffer.alloc(0), delayMs: 0 })
  const set = response('httpResponse: {statusCode: 503, reasonPhrase: Later, delay: {timeUnit: SECONDS, value: 2}}')
  assert.deepEqual([set.statusCode, set.reasonPhrase, set.delayMs], [503, 'Later', 2000])
})

test('a forward has port 80 unless it says otherwise', () => {
  const [first, second] = load('[{httpForward: {host: a.b}}, {httpForward: {host: "::1", port: 81, scheme: HTTP}}]')
  assert.deepEqual(first?.action, { kind: 'forward', to: { address: 'a.b', port: 80 }, delayMs: 0 })
  assert.deepEqual(second?.action, { kind: 'forward', to: { address: '::1', port: 81 }, delayMs: 0 })
})

test('a forward over HTTPS has port 443 unless it says otherwise, and may wait', () => {
  const delay = '{timeUnit: SECONDS, value: 2}'
  const [first, second] = load(
    `[{httpForward: {host: a.b, scheme: HTTPS}}, {httpForward: {host: c, port: 81, delay: ${delay}}}]`,
  )
  assert.deepEqual(first?.action, { kind: 'forward', to: { address: 'a.b', port: 443, isSecure: true }, delayMs: 0 })
  assert.deepEqual(second?.action, { kind: 'forward', to: { address: 'c', port: 81 }, delayMs: 2000 })
})

test('times and time to live are read, and none given means unlimited', () => {
  const limits = load(`
- httpResponse: {}
- {httpResponse: {}, times: {remainingTimes: 2}, timeToLive: {timeUnit: MINUTES, timeToLive: 1}}
- {httpResponse: {}, times: {}}
- {httpResponse: {}, times: {remainingTimes: 2, unlimited: true}, timeToLive: {unlimited: true}}
`).map(({ remainingTimes, timeToLiveMs }) => [remainingTimes, timeToLiveMs])
  assert.deepEqual(limits, [
    [Infinity, Infinity],
    [2, 60_000],
    [0, Infinity],
    [Infinity, Infinity],
  ])
})

test('query, headers and body of a request are matched as written', () => {
  const store = createExpectationStore(
    load(`
- id: text
  httpRequest: {path: /a, body: Hello, queryStringParameters: {q: ["1", "!2"]}}
  httpResponse: {}
- id: part
  httpRequest: {path: /a, body: {type: STRING, string: ell, subString: true}}
  httpResponse: {}
- id: bare
  httpRequest: {path: /a, headers: [{name: "!x-no"}, {name: x-yes}], body: {a: [2]}}
  httpResponse: {}
- id: strict
  httpRequest: {path: /a, body: {type: JSON, json: '{"a":[1.0]}', matchType: STRICT}}
  httpResponse: {}
- id: negated
  httpRequest: {path: /a, body: {type: JSON, json: {a: 1}, not: true}}
  httpResponse: {}
`),
    0,
  )
  assert.equal(answer(store, head('POST /a?q=1&q=3'), 'Hello'), 'text')
  assert.equal(answer(store, head('POST /a?q=1&q=2'), 'Hello'), 'part')
  assert.equal(answer(store, head('POST /a', 'x-yes', ''), '{"a":[1,2],"b":0}'), 'bare')
  assert.equal(answer(store, head('POST /a', 'x-yes', '', 'x-no', ''), '{"a":[1.0]}'), 'strict')
  assert.equal(answer(store, head('POST /a'), '{"a":[1]}'), 'negated')
  assert.equal(answer(store, head('POST /a'), '{"a":1}'), 'none')
})

test('every problem is listed with its line, column and key', () => {
  const text = `- id: a
  httpRequest:
    paths: /x
    method: "GET("
    headers:
      accept: ["text/.*", "(a+)+"]
      "x-[": "1"
    queryStringParameters: {page: 3}
  httpResponse:
    statusCode: 99
    delay: {timeUnit: SECOND, value: 1}
- id: a
  times: {remaining: 1}
`
  const found = problems(text).map((line) => line.slice(0, 100))
  assert.deepEqual(found, [
    'mock.yaml:3:5 [0].httpRequest.paths: unknown key; did you mean "path"?',
    'mock.yaml:4:13 [0].httpRequest.method: not a valid regular expression (unterminated group); put a ba',
    'mock.yaml:6:27 [0].httpRequest.headers.accept[1]: refused: it repeats a part that can match the same',
    'mock.yaml:7:7 [0].httpRequest.headers["x-["]: bad key: not a valid regular expression (unterminated ',
    'mock.yaml:8:35 [0].httpRequest.queryStringParameters.page: expected a string, got 3',
    'mock.yaml:10:17 [0].httpResponse.statusCode: expected at least 200: after a 1xx the client waits for',
    'mock.yaml:11:23 [0].httpResponse.delay.timeUnit: expected one of "NANOSECONDS", "MICROSECONDS", "MIL',
    'mock.yaml:12:3 [1]: no action: give httpResponse, httpForward or another one',
    'mock.yaml:12:7 [1].id: the same id as [0]; ids are unique in a file',
    'mock.yaml:13:11 [1].times.remaining: unknown key; did you mean "remainingTimes"?',
  ])
})

const ONE_PROBLEM: readonly (readonly [situation: string, text: string, problem: string | RegExp])[] = [
  ['an empty file', '', 'mock.yaml:1:1 the file is empty'],
  ['a file that holds a word', 'hello', /expected an object, got "hello"$/],
  ['two actions', 'httpResponse: {}\nhttpForward: {host: a}', /^mock.yaml:2:1 httpForward: one action only/],
  ['an action of another version', 'dnsResponse: {}', 'mock.yaml:1:1 dnsResponse: not supported yet'],
  ['an error that does nothing', 'httpError: {}', /httpError: does nothing: give dropConnection: true/],
  ['a Java class', 'httpResponseClassCallback: {callbackClass: a.B}', /no JVM here that could load a class/],
  ['no action', 'id: a', /no action: give httpResponse, httpForward or another one$/],
  ['another scheme', 'httpForward: {host: a, scheme: FTP}', /scheme: expected one of "HTTP", "HTTPS", got "FTP"$/],
  ['a host with a port', 'httpForward: {host: "a:80"}', /host: expected a host name or an IP address alone/],
  ['a mapped address', 'httpForward: {host: "::ffff:1.2.3.4"}', /host: expected a host name or an IP address alone/],
  [
    'a matcher by certificate',
    'httpRequest: {clientCertificate: {}}\nhttpResponse: {}',
    /Certificate: not supported yet$/,
  ],
  [
    'an address that is none',
    'httpRequest: {remoteAddress: 1}\nhttpResponse: {}',
    /remoteAddress: expected a string, got 1$/,
  ],
  [
    'an early answer that asks for the body',
    'httpRequest: {respondBeforeBody: true, body: x}\nhttpResponse: {}',
    /respondBeforeBody: cannot be combined with a body to match/,
  ],
  [
    'an early forward',
    'httpRequest: {respondBeforeBody: true}\nhttpForward: {host: a}',
    /respondBeforeBody: only a response or an error can be sent before the body has arrived$/,
  ],
  [
    'a body of WebAssembly',
    'httpRequest: {body: {type: WASM, wasm: x}}\nhttpResponse: {}',
    /type: body type WASM is not supported yet$/,
  ],
  ['a regex body', 'httpResponse: {body: {type: REGEX, regex: x}}', /type: body type REGEX is not supported yet$/],
  ['a body that is a number', 'httpResponse: {body: 7}', /body: expected a string, an object or a list, got 7$/],
  ['broken JSON', 'httpResponse: {body: {type: JSON, json: "{a"}}', /json: not valid JSON: /],
  [
    'broken base64',
    'httpResponse: {body: {type: BINARY, base64Bytes: "*"}}',
    /base64Bytes: expected base64, got "\*"$/,
  ],
  [
    'a typo in a body',
    'httpResponse: {body: {type: STRING, strng: x, string: y}}',
    /strng: unknown key; did you mean "string"/,
  ],
  [
    'a placeholder that JsonUnit has not',
    `httpRequest: {body: {a: "\${json-unit.any-thing}"}}\nhttpResponse: {}`,
    /any-thing} is not supported; there are any-string/,
  ],
  ['a header that splits the response', 'httpResponse: {headers: {a: "b\\r\\nc: d"}}', /a: a header value is one line/],
  ['a header name with a space', 'httpResponse: {headers: {a b: c}}', /bad key: a header name is letters/],
  [
    'a header without a value',
    'httpResponse: {headers: {a: []}}',
    /a: expected at least 1 entries, got an empty list$/,
  ],
  ['a header in a list without a value', 'httpResponse: {headers: [{name: a}]}', /values: missing; expected a string$/],
  [
    'an answer that is not the final one',
    'httpResponse: {statusCode: 101}',
    /statusCode: expected at least 200: after a 1xx the client waits for the final answer, got 101$/,
  ],
  ['a status of four digits', 'httpResponse: {statusCode: 1000}', /statusCode: expected at most 999, got 1000$/],
  [
    'a connection header',
    'httpResponse: {headers: {Connection: close}}',
    /bad key: is decided for each client; remove it$/,
  ],
  ['a content length', 'httpResponse: {headers: {Content-Length: "3"}}', /bad key: is worked out from the body/],
  ['a delay of years', 'httpResponse: {delay: {timeUnit: DAYS, value: 400}}', /value: is longer than 24 days$/],
  ['a time to live without unit', 'httpResponse: {}\ntimeToLive: {timeToLive: 3}', /timeToLive.timeUnit: missing/],
  [
    'another match style',
    'httpRequest: {headers: {keyMatchStyle: X}}\nhttpResponse: {}',
    /keyMatchStyle: expected one of "SUB_SET", "MATCHING_KEY", got "X"$/,
  ],
  ['an unknown key beside the list', 'expectations: []\nextra: 1', /extra: unknown key/],
]
for (const [situation, text, problem] of ONE_PROBLEM) {
  test(`${situation} is one problem, said plainly`, () => {
    const found = problems(text)
    assert.equal(found.length, 1, found.join('\n'))
    if (typeof problem === 'string') assert.equal(found[0], problem)
    else assert.match(found[0] ?? '', problem)
  })
}

test('a file that is not there is said to be unreadable, with a remedy', () => {
  assert.throws(
    () => loadExpectations(join(folder, 'missing.yaml')),
    (error: UnderstudyError) => error.code === 'FILE_UNREADABLE' && error.remedy !== undefined,
  )
})

test('the example in YAML answers what its comments say', () => {
  const store = createExpectationStore(loadExpectations('examples/mock.yaml'), 0)
  assert.equal(answer(store, head('GET /orders/17')), 'an-order')
  assert.equal(answer(store, head('GET /orders/x')), 'none')
  assert.equal(
    answer(store, head('POST /payments', 'content-type', 'application/json'), '{"currency":"EUR","n":1}'),
    'a-payment-in-euro',
  )
  assert.equal(answer(store, head('POST /payments', 'content-type', 'application/json'), '{"currency":"USD"}'), 'none')
  assert.equal(answer(store, head('GET /slow')), 'slow')
  const flaky = [1, 2, 3].map(() => answer(store, head('GET /flaky')))
  assert.deepEqual(flaky, ['flaky-at-first', 'flaky-at-first', 'flaky-then-well'])
  assert.equal(answer(store, head('GET /beta/x', 'X-User-Group', 'beta')), 'beta-users-elsewhere')
})

test('the example in JSON answers as the first of the example in YAML does', () => {
  assert.deepEqual(loadExpectations('examples/orders.json'), loadExpectations('examples/mock.yaml').slice(0, 1))
})

const API =
  'openapi: 3.0.0\ninfo: {title: A, version: "1"}\npaths: {/a: {get: {responses: {204: {description: ""}}}}}\n'

test('a file of expectations may name an OpenAPI document beside it, for a matcher and for a set', () => {
  writeFileSync(join(folder, 'api.yaml'), API)
  const file = '- specUrlOrPayload: ./api.yaml\n- httpRequest: {specUrlOrPayload: api.yaml}\n  httpResponse: {}\n'
  const [generated, plain] = load(file)
  assert.match(generated?.id ?? '', /^openapi:a_[0-9a-f]{16}:GET \/a$/)
  const store = createExpectationStore(
    [generated, plain].flatMap((one) => one ?? []),
    0,
  )
  assert.match(answer(store, head('GET /a')), /^openapi:/)
  assert.equal(answer(store, head('GET /b')), 'none')
})

test('an OpenAPI document that is missing or wrong is said where it is named', () => {
  writeFileSync(join(folder, 'wrong.json'), '{"openapi":"3.0.0","paths":{"/a":{"get":5}}}')
  assert.deepEqual(problems('- specUrlOrPayload: none.yaml\n- httpRequest: {specUrlOrPayload: http://a/b}\n'), [
    'mock.yaml:1:21 [0].specUrlOrPayload: cannot read none.yaml: no such file',
  ])
  assert.deepEqual(problems('specUrlOrPayload: wrong.json'), [
    'mock.yaml:1:19 specUrlOrPayload: paths["/a"].get: expected an object',
  ])
})

test('an OpenAPI document, a HAR log and a Postman collection are recognised by what they hold', () => {
  assert.match(load(API, 'api.yaml')[0]?.id ?? '', /^openapi:/)
  const entry = { request: { method: 'GET', url: 'http://a/b' }, response: { status: 200 } }
  assert.match(load(JSON.stringify({ log: { entries: [entry] } }), 'a.har')[0]?.id ?? '', /^har-/)
  const item = [{ request: '/a', response: [{ code: 200 }] }]
  assert.match(load(JSON.stringify({ info: {}, item }), 'c.json')[0]?.id ?? '', /^postman-/)
})

test('a mistake in a recognised document has line and column', () => {
  assert.deepEqual(problems('log:\n  entries:\n    - request: {method: GET, url: /a}\n      response: {status: x}\n'), [
    'mock.yaml:4:26 log.entries[0].response.status: expected a number, got "x"',
  ])
  assert.deepEqual(problems('openapi: 3.0.0\npaths:\n  /a:\n    get: 5\n'), [
    'mock.yaml:4:10 paths["/a"].get: expected an object, got 5',
  ])
})
