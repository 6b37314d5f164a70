/** A histogram that is cheap on the hot path. */
import type { Histogram, Registry } from 'prom-client'

export interface Durations {
  /** Notes one; a negative or missing number is none. */
  observe(seconds: number, kind: string): void
}

export interface DurationsOptions {
  readonly name: string
  readonly help: string
  /** The one label, and all its values; exported from the start, at 0. */
  readonly label: string
  readonly kinds: readonly string[]
  /** Upper bounds, ascending, seconds. */
  readonly buckets: readonly number[]
}

interface Row {
  readonly labels: Record<string, string>
  /** One more than there are bounds: the last is for what is above all of them. */
  readonly counts: Float64Array
  sum: number
}

interface Value {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  readonly metricName: string
}

/**
 * Counts in plain arrays, and lays them out as prom-client's own histogram does when they are scraped: its `observe`
 * copies and hashes the labels on each call, which was a twentieth of what a mocked answer takes.
 */
export const createDurations = (registry: Registry, options: DurationsOptions): Durations => {
  const { name, help, label, kinds, buckets } = options
  const rows = new Map<string, Row>(
    kinds.map((kind) => [kind, { labels: { [label]: kind }, counts: new Float64Array(buckets.length + 1), sum: 0 }]),
  )
  const get = async () => ({
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    values: [...rows.values()].flatMap((row) => valuesOf(name, buckets, row)),
  })
  // All that a registry asks of a metric; its type names the four classes instead.
  registry.registerMetric({ name, get } as unknown as Histogram)
  return {
    observe(seconds, kind) {
      const row = rows.get(kind)
      if (!row || !(seconds >= 0)) return
      let at = 0
      while (at < buckets.length && seconds > (buckets[at] ?? 0)) at++
      row.counts[at] = (row.counts[at] ?? 0) + 1
      row.sum += seconds
    },
  }
}

const valuesOf = (name: string, buckets: readonly number[], { labels, counts, sum }: Row): Value[] => {
  let total = 0
  const values = buckets.map((le, at): Value => {
    total += counts[at] ?? 0
    return { labels: { le, ...labels }, value: total, metricName: `${name}_bucket` }
  })
  total += counts[buckets.length] ?? 0
  return [
    ...values,
    { labels: { le: '+Inf', ...labels }, value: total, metricName: `${name}_bucket` },
    { labels, value: sum, metricName: `${name}_sum` },
    { labels, value: total, metricName: `${name}_count` },
  ]
}
