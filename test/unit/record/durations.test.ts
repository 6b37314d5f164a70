import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Histogram, Registry } from 'prom-client'
import { createDurations } from '../../../src/record/durations.ts'

const ABOUT = { name: 'seconds', help: 'How long.', buckets: [0.1, 1, 10] } as const
const KINDS = ['mock', 'forward']

/** Ours and prom-client's own, told the same. */
const both = async (seen: readonly (readonly [number, string])[]): Promise<[string, string]> => {
  const [ours, theirs] = [new Registry(), new Registry()]
  const durations = createDurations(ours, { ...ABOUT, label: 'kind', kinds: KINDS })
  const histogram = new Histogram({ ...ABOUT, buckets: [...ABOUT.buckets], labelNames: ['kind'], registers: [theirs] })
  for (const kind of KINDS) histogram.zero({ kind })
  for (const [seconds, kind] of seen) {
    durations.observe(seconds, kind)
    histogram.observe({ kind }, seconds)
  }
  return [await ours.metrics(), await theirs.metrics()]
}

test('durations are exported as a histogram of prom-client has them', async () => {
  const [ours, theirs] = await both([
    [0.05, 'mock'],
    [0.1, 'mock'],
    [0.100001, 'mock'],
    [5, 'forward'],
    [11, 'forward'],
    [0, 'forward'],
  ])
  assert.equal(ours, theirs)
})

test('nothing observed is a histogram of zeros', async () => {
  const [ours, theirs] = await both([])
  assert.equal(ours, theirs)
})

test('a negative duration and a kind that nobody declared are not counted', async () => {
  const registry = new Registry()
  const durations = createDurations(registry, { ...ABOUT, label: 'kind', kinds: ['mock'] })
  durations.observe(-1, 'mock')
  durations.observe(Number.NaN, 'mock')
  durations.observe(1, 'other')
  assert.match(await registry.metrics(), /seconds_count\{kind="mock"\} 0\n/)
})
