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
  /** Left out where no row has anything in it. */
  readonly optional?: boolean
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
  const used = all.filter((column) => !column.optional || texts.get(column)?.some((text) => text !== ''))
  const { shown, widths } = fit(used, natural, options.columns)
  const line = (textOf: (column: Column<Row>) => string, paintOf?: (column: Column<Row>) => Paint | undefined) =>
    shown
      .map((column, i) => place(textOf(column), widths[i] ?? 0, column.right, paintOf?.(column)))
      .join(GAP)
      .trimEnd()
  const head = cut(
    line((column) => column.title),
    options.columns,
  )
  const body = rows.map((row, at) => {
    const textOf = (column: Column<Row>) => texts.get(column)?.[at] ?? ''
    const plain = line(textOf)
    if (!options.colour || plain.length > options.columns) return cut(plain, options.columns)
    return line(textOf, ({ paint }) => paint && ((text) => paint(text, row)))
  })
  return [options.colour ? options.paintTitle(head) : head, ...body].join('\n')
}

type Paint = (text: string) => string

/** The text in its width; colour covers the text only, so that trailing blanks can still be cut off. */
const place = (text: string, width: number, right = false, paint: Paint = (plain) => plain): string => {
  const short = squeezed(text, width)
  const blank = ' '.repeat(Math.max(0, width - short.length))
  const painted = short === '' ? '' : paint(short)
  return right ? blank + painted : painted + blank
}

const cut = (text: string, columns: number): string =>
  text.length <= columns ? text : `${text.slice(0, columns - 1)}…`

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
