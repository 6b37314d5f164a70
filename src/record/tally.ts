/** A counter that is cheap on the hot path. */
import { Counter, type Registry } from 'prom-client'

export interface Tally {
  /** Adds `count` (a negative or missing number adds nothing) under the values of the labels, in order. */
  add(count: number, first?: string, second?: string): void
}

export interface TallyOptions {
  readonly name: string
  readonly help: string
  readonly labels?: readonly [] | readonly [string] | readonly [string, string]
  /** Values of the first label that are exported from the start, at 0, so that a first event shows up in a rate. */
  readonly known?: readonly string[]
}

/** Labels are closed enums; should one not be, its series stop here and the rest counts as `_other`. */
const MAX_VALUES = 32
const OTHER = '_other'

interface Cell {
  readonly labels: Record<string, string>
  value: number
}

/**
 * Counts in plain maps, and hands the totals to prom-client when they are scraped: its own inc() hashes and checks the
 * labels on each call, ten times as dear as the two look-ups here.
 */
export const createTally = (registry: Registry, { name, help, labels = [], known = [] }: TallyOptions): Tally => {
  const rows = new Map<string, Map<string, Cell>>()
  const cellOf = (first: string, second: string): Cell => {
    const row = entry(rows, first, () => new Map<string, Cell>())
    return entry(row, second, (value) => ({ labels: labelled(labels, [firstOf(rows, first), value]), value: 0 }))
  }
  for (const value of known) cellOf(value, '')
  new Counter({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      this.reset()
      for (const row of rows.values()) for (const cell of row.values()) this.inc(cell.labels, cell.value)
    },
  })
  return {
    add(count, first = '', second = '') {
      if (!(count >= 0)) return
      const cell = rows.get(first)?.get(second) ?? cellOf(first, second)
      cell.value += count
    },
  }
}

const firstOf = (rows: ReadonlyMap<string, unknown>, value: string): string => (rows.has(value) ? value : OTHER)

/** The value under `key`, made where it is missing; past the bound all unknown keys share one value. */
const entry = <T>(map: Map<string, T>, key: string, make: (key: string) => T): T => {
  const found = map.get(key)
  if (found !== undefined) return found
  if (map.size >= MAX_VALUES && key !== OTHER) return entry(map, OTHER, make)
  const made = make(key)
  map.set(key, made)
  return made
}

const labelled = (names: readonly string[], values: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']))
