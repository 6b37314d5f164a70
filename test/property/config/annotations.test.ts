import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type PodPolicy, readAnnotations } from '../../../src/config/annotations.ts'
import { excludedRanges } from '../../../src/config/excluded-ranges.ts'
import type { PortRange } from '../../../src/config/networks.ts'
import { PodAnnotations } from '../../../src/config/pod-policy-schema.ts'

const KEYS = Object.keys(PodAnnotations.shape)
const port = fc.integer({ min: 1, max: 65535 })
const range = fc.tuple(port, port).map(([a, b]): PortRange => ({ from: Math.min(a, b), to: Math.max(a, b) }))
const rangeText = ({ from, to }: PortRange): string => (from === to ? `${from}` : `${from}-${to}`)
const has = (ranges: readonly PortRange[], at: number): boolean => ranges.some(({ from, to }) => from <= at && at <= to)

test('whatever a pod says, reading it does not throw, and what is told of it is bounded', () => {
  const key = fc.oneof(fc.constantFrom(...KEYS), fc.string({ unit: 'binary' }))
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.constantFrom(
      'true',
      'TRUE',
      '1-65535',
      ',',
      '::/0',
      '9'.repeat(262_144),
      ','.repeat(262_144),
      '80,'.repeat(80_000),
    ),
  )
  fc.assert(
    fc.property(
      fc.dictionary(key, value, { maxKeys: 30 }),
      fc.array(key, { maxLength: 40 }),
      (annotations, refused) => {
        const { policy, problems, unknown } = readAnnotations(annotations, refused)
        assert.equal(policy === undefined, problems.length > 0)
        assert.ok(problems.length <= KEYS.length * 2 && unknown.length <= 17)
        for (const line of [...problems, ...unknown]) {
          assert.ok(line.length < 700, line)
          assert.doesNotMatch(line, /\p{Cc}/u)
        }
      },
    ),
  )
})

test('a policy that is written down is read back the same', () => {
  const policies: fc.Arbitrary<PodPolicy> = fc.record(
    {
      intercept: fc.boolean(),
      mode: fc.constantFrom('mock', 'forward', 'observe'),
      fail: fc.constantFrom('open', 'closed'),
      ports: fc.array(range, { minLength: 1, maxLength: 6 }),
      inboundPorts: fc.uniqueArray(port, { maxLength: 64 }).map((ports) => ports.sort((a, b) => a - b)),
      excludePorts: fc.constant([]),
      excludeCidrs: fc.array(
        fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([address, prefix]) => ({ address, prefix })),
        {
          maxLength: 256,
        },
      ),
      dns: fc.boolean(),
      until: fc.oneof(
        fc.integer({ min: 0, max: 4e12 }).map((atMs) => ({ kind: 'time' as const, atMs })),
        fc.integer({ min: 1, max: 31_536_000 }).map((seconds) => ({ kind: 'duration' as const, ms: seconds * 1000 })),
      ),
    },
    { requiredKeys: ['intercept', 'inboundPorts', 'excludePorts', 'excludeCidrs', 'dns'], noNullPrototype: true },
  )
  fc.assert(fc.property(policies, (policy) => assert.deepEqual(readAnnotations(written(policy)).policy, policy)))
})

/** The annotations that say what a policy says. */
function written({ mode, fail, ports, inboundPorts, excludeCidrs, until, ...rest }: PodPolicy): Record<string, string> {
  const end = until && (until.kind === 'time' ? new Date(until.atMs).toISOString() : spelt(until.ms / 1000))
  return {
    intercept: String(rest.intercept),
    dns: String(rest.dns),
    ...(mode ? { mode } : {}),
    ...(fail ? { fail } : {}),
    ...(ports ? { ports: ports.map(rangeText).join(' , ') } : {}),
    ...(inboundPorts.length > 0 ? { 'inbound-ports': inboundPorts.join(',') } : {}),
    ...(excludeCidrs.length > 0
      ? { 'exclude-outbound-cidrs': excludeCidrs.map((it) => `${it.address}/${it.prefix}`).join() }
      : {}),
    ...(end ? { until: end } : {}),
  }
}

function spelt(seconds: number): string {
  const parts = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'm'],
    [1, 's'],
  ] as const
  let left = seconds
  return parts
    .map(([size, unit]) => {
      const count = Math.floor(left / size)
      left -= count * size
      return count > 0 ? `${count}${unit}` : ''
    })
    .join('')
}

test('a port is excluded exactly if it was not asked for, or excluded by name', () => {
  const wanted = fc.record({
    ports: fc.option(fc.array(range, { minLength: 1, maxLength: 20 }), { nil: undefined }),
    excludePorts: fc.array(range, { maxLength: 20 }),
    dns: fc.boolean(),
  })
  fc.assert(
    fc.property(wanted, fc.oneof(port, fc.constantFrom(1, 52, 53, 54, 65535)), (asked, at) => {
      const excluded = excludedRanges(asked)
      const { ports, excludePorts, dns } = asked
      const isWanted = ports === undefined || has(ports, at) || (dns && at === 53)
      assert.equal(has(excluded, at), !isWanted || has(excludePorts, at))
      for (const [index, { from, to }] of excluded.entries()) {
        assert.ok(1 <= from && from <= to && to <= 65535)
        const next = excluded[index + 1]
        assert.ok(!next || next.from > to + 1, 'sorted, and no neighbours')
      }
    }),
  )
})
