import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { withForwarded } from '../../../src/act/forwarded.ts'

const HOST = ['Host', 'a.example'] as const

for (const [situation, headers, style, client, sent] of [
  ['added where there was none', HOST, 'x-forwarded-for', '192.0.2.1', [...HOST, 'x-forwarded-for', '192.0.2.1']],
  [
    'appended in the place and spelling of the first',
    ['X-Forwarded-For', '198.51.100.7', ...HOST, 'x-forwarded-for', '198.51.100.8, 198.51.100.9'],
    'x-forwarded-for',
    '192.0.2.1',
    ['X-Forwarded-For', '198.51.100.7, 198.51.100.8, 198.51.100.9, 192.0.2.1', ...HOST],
  ],
  ['an empty one filled', ['X-Forwarded-For', ' '], 'x-forwarded-for', '::1', ['X-Forwarded-For', '::1']],
  ['written as RFC 7239 has it', HOST, 'forwarded', '192.0.2.1', [...HOST, 'forwarded', 'for=192.0.2.1']],
  [
    'an IPv6 address in brackets and quotes, without its zone',
    ['Forwarded', 'for=198.51.100.7;proto=https'],
    'forwarded',
    'fe80::1%eth0',
    ['Forwarded', 'for=198.51.100.7;proto=https, for="[fe80::1]"'],
  ],
  [
    'written both ways',
    [],
    'both',
    '2001:db8::1',
    ['x-forwarded-for', '2001:db8::1', 'forwarded', 'for="[2001:db8::1]"'],
  ],
  ['left alone', HOST, 'none', '192.0.2.1', HOST],
] as const) {
  test(`the client's address is ${situation}`, () => {
    assert.deepEqual(withForwarded(headers, style, client), sent)
  })
}

test('every other header stays as and where it was', () => {
  const name = fc.constantFrom('a', 'B', 'x-forwarded-for', 'X-Forwarded-For', 'Forwarded')
  const others = (headers: readonly string[]): string[] =>
    headers.filter((_, i) => !/forwarded/i.test(headers[i - (i % 2)] ?? ''))
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string())), (pairs) => {
      const headers = pairs.flat()
      assert.deepEqual(others(withForwarded(headers, 'both', '192.0.2.1')), others(headers))
    }),
  )
})
