import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { changedCookies, changedHeaders, changedQuery, changedSetCookies } from '../../src/act/changed-pairs.ts'
import { changedRequest } from '../../src/act/changed-request.ts'
import { Expectation } from '../../src/config/expectation-schema.ts'
import { checkValue } from '../../src/config/problems.ts'
import { jsonMergePatch, jsonPatch, type PatchOperation } from '../../src/content/json-patch.ts'
import { compilePathRewriting } from '../../src/content/path-rewriting.ts'
import { parseRequestHead } from '../../src/http1/head.ts'
import { DEFAULT_LIMITS } from '../../src/http1/limits.ts'
import { encodeResponseHead } from '../../src/http1/response.ts'

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('a', 'A', 'host', 'cookie', 'content-length', '\r\n', '%zz'),
)
const flat = fc.array(fc.tuple(text, text), { maxLength: 4 }).map((pairs) => pairs.flat())
const pairsChange = fc.record(
  { set: flat, replace: flat, add: flat, fill: flat, remove: fc.array(text, { maxLength: 3 }) },
  { requiredKeys: [] },
)
const changes = fc.array(pairsChange, { maxLength: 3 })

test('any change of any list gives a list', () => {
  fc.assert(
    fc.property(flat, text, changes, (headers, query, all) => {
      for (const one of all) assert.equal(changedHeaders(headers, one).length % 2, 0)
      assert.equal(changedCookies(headers, all).length % 2, 0)
      for (const one of all) assert.equal(changedSetCookies(headers, one).length % 2, 0)
      assert.doesNotMatch(changedQuery('a=1', all), /[\s#?]/)
      changedQuery(query, all)
    }),
  )
})

test('a request that was changed is one, or is refused', () => {
  const parsed = parseRequestHead(
    Buffer.from('POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n'),
    0,
    DEFAULT_LIMITS,
  )
  assert.ok(parsed.kind === 'head')
  const { request } = parsed
  const change = fc.record(
    {
      isWhole: fc.constant(true as const),
      method: text,
      path: fc.oneof(
        text,
        text.map((part) => `/${part}`),
      ),
      query: changes,
      headers: changes,
      cookies: changes,
      body: fc.string().map((body) => Buffer.from(body)),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(change, (given) => {
      const result = changedRequest(request, given, true)
      if (typeof result === 'string') return
      const { method, target, headers } = result.head
      // What is written reads back as the same request.
      const fields = encodeResponseHead(200, undefined, headers).split('\r\n').slice(1).join('\r\n')
      const again = parseRequestHead(
        Buffer.from(`${method} ${target} HTTP/1.0\r\n${fields}`, 'latin1'),
        0,
        DEFAULT_LIMITS,
      )
      if (again.kind === 'head')
        assert.deepEqual([again.request.head.method, again.request.head.target], [method, target])
      else
        assert.match(again.kind === 'bad' ? again.why : again.kind, /Host|transfer-encoding|content-length|expectation/)
    }),
  )
})

test('any regex and substitution is compiled or refused, and rewrites any path within bounds', () => {
  const odd = fc.oneof(fc.string(), fc.stringMatching(/^[a(b)*+?|$\\{}1[\]^.<>]{0,12}$/))
  fc.assert(
    fc.property(odd, odd, fc.string(), (regex, substitution, path) => {
      const compiled = compilePathRewriting(regex, substitution)
      if ('rewrite' in compiled) compiled.rewrite(path)
      else assert.ok(compiled.problem.length > 0)
    }),
  )
})

test('any patch of any body gives JSON or nothing', () => {
  const path = fc.array(fc.constantFrom('a', '0', '1', '-', '__proto__', 'length', 'constructor'), { maxLength: 3 })
  const operation = fc.record({
    op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
    path,
    from: path,
    value: fc.jsonValue(),
  })
  const body = fc.oneof(fc.json(), fc.string(), fc.constant('{"a":[{"a":1.0}]}'))
  fc.assert(
    fc.property(
      fc.array(operation as fc.Arbitrary<PatchOperation>, { maxLength: 6 }),
      body,
      fc.jsonValue(),
      (operations, text, merge) => {
        for (const patch of [jsonPatch(operations), jsonMergePatch(merge)]) {
          const result = patch(Buffer.from(text))
          if (result) JSON.parse(result.toString())
        }
        assert.equal(Reflect.get({}, 'a'), undefined)
      },
    ),
  )
})

test('any override, and any fallback, is read or refused', () => {
  const shaped = fc.record(
    {
      requestOverride: fc.oneof(
        fc.jsonValue(),
        fc.record(
          { path: fc.string(), headers: fc.dictionary(fc.string(), fc.string()), body: fc.jsonValue() },
          { requiredKeys: [] },
        ),
      ),
      requestModifier: fc.oneof(
        fc.jsonValue(),
        fc.record({ path: fc.record({ regex: fc.string(), substitution: fc.string() }) }),
      ),
      responseModifier: fc.jsonValue(),
      httpRequest: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(shaped, fc.jsonValue()), (given) => {
      for (const name of ['httpOverrideForwardedRequest', 'httpForwardWithFallback']) {
        const checked = checkValue(Expectation, { [name]: given })
        if ('problems' in checked) assert.ok(checked.problems.length > 0)
      }
    }),
  )
})
