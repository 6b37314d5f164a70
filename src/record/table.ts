/** Lays rows out as columns that fit a terminal. Pure. */
import { printable, squeezed } from './text.ts'

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  readonly right?: boolean
  /** How narrow the column may be squeezed; absent where it is never squeezed. */
  readonly min?: number
  /** In a terminal too narrow for all, the column with the lowest rank goes first; absent: it stays. */
  readonly rank?: number
  /** Colours a cell that already has its width. */
  readonly paint?: (text: string, row: Row) => string
}

export interface TableOptions {
  /** Width of the terminal, characters. No line is longer. */
  readonly columns: number
  readonly colour: boolean
  readonly paintTitle: (text: string) => string
}

const GAP = '  '

/** A title line and one line per row, without a trailing line feed. Foreign control characters never come through. */
export const renderTable = <Row>(all: readonly Column<Row>[], rows: readonly Row[], options: TableOptions): string => {
  const texts = new Map(all.map((column) => [column, rows.map((row) => printable(column.cell(row)))]))
  const natural = (column: Column<Row>) =>
    (texts.get(column) ?? []).reduce((widest, text) => Math.max(widest, text.length), column.title.length)
  const { shown, widths } = fit(all, natural, options.columns)
  const line = (cells: readonly string[]) => cells.join(GAP)
  const place = (column: Column<Row>, text: string, i: number) => {
    const width = widths[i] ?? 0
    const short = squeezed(text, width)
    return column.right ? short.padStart(width) : short.padEnd(width)
  }
  const head = cut(line(shown.map((column, i) => place(column, column.title, i))), options.columns)
  const body = rows.map((row, at) => {
    const cells = shown.map((column, i) => place(column, texts.get(column)?.[at] ?? '', i))
    const plain = cut(line(cells), options.columns)
    if (!options.colour || plain.endsWith('…')) return plain
    return line(cells.map((cell, i) => shown[i]?.paint?.(cell, row) ?? cell)).trimEnd()
  })
  return [options.colour ? options.paintTitle(head) : head, ...body].join('\n')
}

const cut = (text: string, columns: number): string => {
  const trimmed = text.trimEnd()
  return trimmed.length <= columns ? trimmed : `${trimmed.slice(0, columns - 1)}…`
}

interface Fit<Row> {
  readonly shown: readonly Column<Row>[]
  readonly widths: readonly number[]
}

/** Squeezes the widest squeezable column step by step; where that is not enough, leaves the least telling one out. */
const fit = <Row>(all: readonly Column<Row>[], natural: (column: Column<Row>) => number, columns: number): Fit<Row> => {
  const floor = (column: Column<Row>) =>
    Math.min(natural(column), Math.max(column.title.length, column.min ?? Infinity))
  const room = (shown: readonly Column<Row>[]) => columns - GAP.length * (shown.length - 1)
  let shown = all
  while (room(shown) < sum(shown.map(floor))) {
    const least = shown.reduce((a, b) => ((b.rank ?? Infinity) < (a.rank ?? Infinity) ? b : a))
    if (least.rank === undefined) break
    shown = shown.filter((column) => column !== least)
  }
  const widths = shown.map(natural)
  for (let over = sum(widths) - room(shown); over > 0; over--) {
    const widest = widestAbove(widths, shown.map(floor))
    if (widest === undefined) break
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return { shown, widths }
}

const widestAbove = (widths: readonly number[], floors: readonly number[]): number | undefined => {
  let widest: number | undefined
  for (const [i, width] of widths.entries()) {
    if (width <= (floors[i] ?? 0)) continue
    if (widest === undefined || width > (widths[widest] ?? 0)) widest = i
  }
  return widest
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0)
