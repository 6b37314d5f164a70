import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RequestParse, ResponseParse } from '../../src/http1/head.ts'
import { parseRequestHead, parseResponseHead } from '../../src/http1/head.ts'
import { DEFAULT_LIMITS } from '../../src/http1/limits.ts'
import { encodeResponseHead } from '../../src/http1/response.ts'

/** Small, so that generated heads reach them. */
const LIMITS = { ...DEFAULT_LIMITS, maxHeadBytes: 160, maxTargetBytes: 40, maxHeaders: 6 }

const token = fc.string({ unit: fc.constantFrom(..."aZ9-_!'~"), minLength: 1, maxLength: 12 })
const value = fc
  .string({ unit: fc.constantFrom(...'a0 ,;:"\t\xe9'), maxLength: 12 })
  .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''))
const fields = fc.array(fc.tuple(token, value), { maxLength: 8 })

/** Pieces of heads, good and bad, in any order: far likelier to go wrong in an interesting place than random bytes. */
const piece = fc.constantFrom(
  ...[
    'GET ',
    'GET / HTTP/1.1\r\n',
    'Host: a\r\n',
    '\r\n',
    '\n',
    '\r',
    'Content-Length: 5',
    'Transfer-Encoding: chunked\r\n',
  ],
  ...[
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.0',
    ' ',
    ':',
    ',',
    'x',
    '\0',
    '\xff',
    'Connection: upgrade\r\nUpgrade: a\r\n',
    '/aaaaaaaaaa',
  ],
)
const soup = fc.oneof(
  fc.array(piece, { maxLength: 30 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1')),
  fc
    .array(piece, { maxLength: 30 })
    .map((pieces) => Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${pieces.join('')}`, 'latin1')),
  fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
)

/** Feeds ever longer beginnings, as a socket would, and returns the first answer. */
function grow<T extends RequestParse | ResponseParse>(
  buffer: Buffer,
  steps: readonly number[],
  parse: (bytes: Buffer, scanned: number) => T,
): T {
  let length = 0
  let parsed = parse(buffer.subarray(0, 0), 0)
  for (let i = 0; parsed.kind === 'more' && length < buffer.length; i++) {
    length = Math.min(buffer.length, length + (steps[i % steps.length] ?? 1))
    parsed = parse(buffer.subarray(0, length), parsed.scanned)
  }
  return parsed
}

const steps = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 10 })

test('a request head reads the same however it was split, and arbitrary bytes throw nothing', () => {
  fc.assert(
    fc.property(soup, steps, fc.nat(5), (bytes, sizes, start) => {
      const buffer = Buffer.concat([Buffer.alloc(start), bytes])
      const whole = parseRequestHead(buffer, start, LIMITS)
      const split = grow(bytes, sizes, (part, scanned) => parseRequestHead(part, 0, LIMITS, scanned))
      assert.deepEqual(split, whole)
    }),
    { numRuns: 1000 },
  )
})

test('a response head reads the same however it was split, and arbitrary bytes throw nothing', () => {
  const response = soup.map((bytes) => Buffer.concat([Buffer.from('HTTP/1.1 200'), bytes]))
  fc.assert(
    fc.property(fc.oneof(soup, response), steps, (bytes, sizes) => {
      const whole = parseResponseHead(bytes, 0, LIMITS, 'GET')
      const split = grow(bytes, sizes, (part, scanned) => parseResponseHead(part, 0, LIMITS, 'GET', scanned))
      assert.deepEqual(split, whole)
    }),
    { numRuns: 1000 },
  )
})

test('a well-formed request head comes back as it was written', () => {
  fc.assert(
    fc.property(token, fields, fc.constantFrom('\r\n', '\n'), (method, pairs, end) => {
      const lines = pairs.map(([name, text]) => `x-${name}: \t${text} `)
      const text = [`${method} /p?q HTTP/1.1`, 'Host: a', ...lines, '', ''].join(end)
      const parsed = parseRequestHead(Buffer.from(text, 'latin1'), 0, DEFAULT_LIMITS)
      assert.ok(parsed.kind === 'head', JSON.stringify(parsed))
      assert.equal(parsed.request.head.method, method)
      assert.deepEqual(parsed.request.head.headers, ['Host', 'a', ...pairs.flatMap(([name, v]) => [`x-${name}`, v])])
      assert.equal(parsed.request.length, text.length)
    }),
  )
})

test('a response head that was encoded parses back to its parts', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 999 }), value, fields, (status, reason, pairs) => {
      const headers = pairs.flatMap(([name, text]) => [`x-${name}`, text])
      const head = Buffer.from(encodeResponseHead(status, reason, headers), 'latin1')
      const parsed = parseResponseHead(head, 0, DEFAULT_LIMITS, 'GET')
      assert.ok(parsed.kind === 'head', JSON.stringify(parsed))
      const { response } = parsed
      assert.deepEqual([response.statusCode, response.reason, response.headers], [status, reason, headers])
      assert.equal(response.length, head.length)
    }),
  )
})

test('a response head is either encoded on one line per field or refused', () => {
  const unit = fc.nat(0x2ff).map((code) => String.fromCharCode(code))
  const any = fc.string({ unit, maxLength: 6 })
  fc.assert(
    fc.property(any, any, any, (reason, name, text) => {
      let head: string
      try {
        head = encodeResponseHead(200, reason, [name, text])
      } catch (error) {
        assert.ok(error instanceof TypeError)
        return
      }
      assert.equal(
        Buffer.from(head, 'latin1')
          .toString('latin1')
          .split(/[\r\n]+/).length,
        3,
      )
    }),
  )
})
