import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import { parseClientHello } from '../../src/tls/client-hello.ts'
import { curlHello, nodeHello, opensslHello, recordsOf } from '../support/hellos.ts'

let hellos: readonly Buffer[] = []

before(async () => {
  hellos = await Promise.all([
    nodeHello({ servername: 'node.example', ALPNProtocols: ['h2'] }),
    curlHello('curl.example'),
    opensslHello('-servername', 'openssl.example'),
  ])
})

const chosen = fc.nat(2).map((index) => hellos[index] ?? Buffer.alloc(0))
/** Real hellos with a few bytes changed, put into records anew or cut. */
const mutated = fc
  .record({
    hello: chosen,
    changes: fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 6 }),
    fragmentBytes: fc.integer({ min: 1, max: 700 }),
    isSplitAnew: fc.boolean(),
    more: fc.uint8Array({ maxLength: 16 }),
  })
  .map(({ hello, changes, fragmentBytes, isSplitAnew, more }) => {
    const bytes = Buffer.from(isSplitAnew ? recordsOf(hello.subarray(5), fragmentBytes) : hello)
    for (const [at, value] of changes) bytes[at % bytes.length] = value
    return Buffer.concat([bytes, more])
  })
/** Arbitrary bytes, mostly behind a record header so that more than the first byte is looked at. */
const anything = fc
  .tuple(fc.constantFrom([], [22], [22, 3, 1], [22, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3]), fc.uint8Array({ maxLength: 120 }))
  .map(([start, rest]) => Buffer.concat([Buffer.from(start), rest]))

test('every prefix of a real hello asks for more', () => {
  for (const hello of hellos) {
    for (let length = 0; length < hello.length; length++) {
      assert.equal(parseClientHello(hello.subarray(0, length)).kind, 'more')
    }
    assert.equal(parseClientHello(hello).kind, 'hello')
  }
})

test('how a hello is split over records makes no difference', () => {
  fc.assert(
    fc.property(chosen, fc.integer({ min: 1, max: 700 }), (hello, fragmentBytes) => {
      const { length: _, ...whole } = parseClientHello(hello) as { kind: 'hello'; length: number }
      const { length, ...split } = parseClientHello(recordsOf(hello.subarray(5), fragmentBytes)) as typeof whole & {
        length: number
      }
      assert.deepEqual(split, whole)
      assert.equal(length, recordsOf(hello.subarray(5), fragmentBytes).length)
    }),
  )
})

for (const [what, bytes] of [
  ['hostile bytes', anything],
  ['changed hellos', mutated],
] as const)
  test(`${what} never throw, and what was decided stays true of more of them`, () => {
    fc.assert(
      fc.property(bytes, (buffer) => {
        const whole = parseClientHello(buffer)
        if (whole.kind === 'hello') assert.ok(whole.length > 0 && whole.length <= buffer.length)
        for (let length = 0; length < buffer.length; length += 1 + (length >> 5)) {
          const part = parseClientHello(buffer.subarray(0, length))
          if (part.kind !== 'more') assert.deepEqual(part, whole)
        }
      }),
    )
  })
