/** The one table of a benchmark run: each line a question, its answer, and whether it is the one hoped for. */
import type { Spread } from './statistics.ts'

export interface Row {
  readonly question: string
  /** What it was measured against, in the same run. */
  readonly reference: string
  readonly measured: Measured
  readonly target: Target
}

/** A ratio with its spread, a plain amount, or why there is neither. */
export type Measured =
  | { readonly kind: 'ratio'; readonly spread: Spread }
  | { readonly kind: 'amount'; readonly value: number; readonly unit: string }
  | { readonly kind: 'skipped'; readonly why: string }

export type Target = { readonly atLeast?: number; readonly atMost?: number }

const amountOf = ({ measured }: Row): number => {
  if (measured.kind === 'skipped') return Number.NaN
  return measured.kind === 'ratio' ? measured.spread.median : measured.value
}

const reached = (row: Row): string => {
  const { atLeast, atMost } = row.target
  if (atLeast === undefined && atMost === undefined) return ''
  const value = amountOf(row)
  return value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY) ? 'yes' : 'NO'
}

const written = (value: number): string => (Number.isInteger(value) ? `${value}` : value.toFixed(value < 10 ? 3 : 1))

const measuredText = ({ measured }: Row): string => {
  if (measured.kind === 'skipped') return `skipped: ${measured.why}`
  if (measured.kind === 'amount') return `${written(measured.value)} ${measured.unit}`.trimEnd()
  const { median, low, high, rounds } = measured.spread
  return `${median.toFixed(3)} x  [${low.toFixed(3)}, ${high.toFixed(3)}] of ${rounds}`
}

const targetText = ({ target: { atLeast, atMost } }: Row): string => {
  if (atLeast !== undefined && atMost !== undefined) return `${atLeast} to ${atMost}`
  if (atLeast !== undefined) return `>= ${atLeast}`
  return atMost === undefined ? '' : `<= ${atMost}`
}

/** The table as Markdown; spread in brackets is the 95 % interval of the median over so many alternating rounds. */
export const tableOf = (rows: readonly Row[]): string => {
  const cells = [
    ['question', 'reference', 'measured', 'target', 'reached'],
    ...rows.map((row) => [row.question, row.reference, measuredText(row), targetText(row), reached(row)]),
  ]
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0))) ?? []
  const lines = cells.map((line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`)
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [lines[0], rule, ...lines.slice(1)].join('\n')
}

/** Hands rows to `bench/all.ts` where it started us; prints them otherwise. */
export const report = (rows: readonly Row[]): void => {
  if (process.send) process.send(rows)
  else console.log(tableOf(rows))
}

/** One line on standard error while it lasts. */
export const note = (text: string): void => void process.stderr.write(`${text}\n`)
