import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Forward } from '../../../src/action.ts'
import { Expectation } from '../../../src/config/expectation-schema.ts'
import { checkValue } from '../../../src/config/problems.ts'

const problems = (action: object): readonly string[] => {
  const checked = checkValue(Expectation, action)
  return 'problems' in checked
    ? checked.problems.map(({ path, message }) => `${path.slice(1).join('.')}: ${message}`)
    : []
}
const overrideProblems = (override: object) => problems({ httpOverrideForwardedRequest: override })
const read = (action: object): Forward => {
  const checked = checkValue(Expectation, action)
  if ('problems' in checked) throw new Error(JSON.stringify(checked.problems))
  const { action: forward } = checked.value
  assert.ok(forward.kind === 'forward')
  return forward
}

/** Situation, override, and the one problem. */
const REFUSED: readonly (readonly [string, object, RegExp])[] = [
  ['a path with a query', { requestOverride: { path: '/a?b=1' } }, /^requestOverride\.path: the query goes into/],
  ['a path with spaces', { requestOverride: { path: '/a b' } }, /^requestOverride\.path: a path begins with \//],
  ['a path without its slash', { requestOverride: { path: 'a' } }, /^requestOverride\.path: a path begins with \//],
  ['CONNECT', { requestOverride: { method: 'connect' } }, /^requestOverride\.method: no other request becomes CONNECT/],
  ['two words as a method', { requestOverride: { method: 'A B' } }, /^requestOverride\.method: a method is one word/],
  ['a length', { requestOverride: { headers: { 'Content-Length': '3' } } }, /is worked out from the body/],
  ['a header of one hop', { requestOverride: { headers: { TE: 'trailers' } } }, /is between two neighbours/],
  [
    'a Host that names nobody',
    { requestOverride: { headers: { host: 'a/b' } } },
    /^requestOverride\.headers: a request has one Host/,
  ],
  [
    'two Hosts',
    { requestOverride: { headers: { host: ['a', 'b'] } } },
    /^requestOverride\.headers: a request has one Host/,
  ],
  [
    'a socket address without host',
    { requestOverride: { socketAddress: { port: 1 } } },
    /^requestOverride\.socketAddress\.host: /,
  ],
  [
    'path parameters',
    { requestOverride: { pathParameters: {} } },
    /^requestOverride\.pathParameters: .*write them into the path/,
  ],
  ['another protocol', { requestOverride: { protocol: 'HTTP_2' } }, /^requestOverride\.protocol: only HTTP_1_1/],
  ['a cookie with a semicolon', { requestOverride: { cookies: { a: 'b;c' } } }, /without semicolons/],
  [
    'a broken regex',
    { requestModifier: { path: { regex: '(' } } },
    /^requestModifier\.path\.regex: not a regular expression/,
  ],
  [
    'a group that is not there',
    { requestModifier: { path: { regex: 'a', substitution: '$1' } } },
    /^requestModifier\.path\.substitution: names group 1/,
  ],
  [
    'an interim status',
    { responseOverride: { statusCode: 100 } },
    /^responseOverride\.statusCode: expected at least 200/,
  ],
  [
    'a class of statuses that is none',
    { responseModifier: { condition: { statusCodeRange: '200-299' } } },
    /such as 2XX/,
  ],
  [
    'edits beside a chain',
    { responseModifier: { headers: { remove: ['a'] }, modifiers: [] } },
    /^responseModifier\.headers: does nothing/,
  ],
  [
    'a pointer that is none',
    { responseModifier: { jsonPatch: [{ op: 'remove', path: 'a' }] } },
    /^responseModifier\.jsonPatch\.0\.path: expected a JSON Pointer/,
  ],
  [
    'an operation that is none',
    { responseModifier: { jsonPatch: [{ op: 'drop', path: '/a' }] } },
    /jsonPatch\.0\.op: expected one of/,
  ],
  [
    'a patch without its value',
    { responseModifier: { jsonPatch: [{ op: 'add', path: '/a' }] } },
    /jsonPatch\.0\.value: missing/,
  ],
  ['both forms at once', { httpRequest: {}, requestOverride: {} }, /^requestOverride: unknown key/],
  ['a template', { responseTemplate: {} }, /^responseTemplate: not supported yet/],
]
for (const [situation, override, problem] of REFUSED) {
  test(`${situation} in an override is one problem, said plainly`, () => {
    const found = overrideProblems(override)
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', problem)
  })
}

test('chains in chains come to an end', () => {
  let chain: object = {}
  for (let i = 0; i < 200; i++) chain = { modifiers: [chain] }
  assert.match(overrideProblems({ responseModifier: chain }).join(), /chains are nested too deeply/)
})

test('where an override goes is its socket address, or else its Host', () => {
  const target = (requestOverride: object) => read({ httpOverrideForwardedRequest: { requestOverride } }).to
  const headers = { HOST: 'a.test:81' }
  assert.deepEqual(target({ headers }), { address: 'a.test', port: 81 })
  assert.deepEqual(target({ headers: { host: 'a.test' }, secure: true }), {
    address: 'a.test',
    port: 443,
    isSecure: true,
  })
  assert.deepEqual(target({ headers, socketAddress: { host: 'b' } }), { address: 'b', port: 80 })
  assert.deepEqual(target({ socketAddress: { host: 'b', scheme: 'HTTPS' } }), {
    address: 'b',
    port: 443,
    isSecure: true,
  })
  assert.deepEqual(target({ socketAddress: { host: 'b', port: 1, scheme: 'HTTPS' }, secure: false }), {
    address: 'b',
    port: 1,
  })
  assert.equal(target({ path: '/x' }), undefined)
})

test('an override that changes nothing is a forward like any other', () => {
  for (const nothing of [{}, { httpRequest: {} }, { requestOverride: { method: '', path: '' } }]) {
    assert.deepEqual(read({ httpOverrideForwardedRequest: nothing }), { kind: 'forward', to: undefined, delayMs: 0 })
  }
})

test('a fallback needs a response and somebody to forward to', () => {
  const found = problems({ httpForwardWithFallback: { fallbackOnStatusCodes: ['x'] } })
  assert.deepEqual(found.map((line) => line.split(':')[0]).sort(), [
    'fallbackOnStatusCodes.0',
    'fallbackResponse',
    'httpForward',
  ])
})
