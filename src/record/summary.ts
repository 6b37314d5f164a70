/** What `understudy run` prints at its end: the last exchanges as a table, then everything in one line. */
import type { ConnectionSummary, Decision, Verdict } from '../flow.ts'
import type { ExchangeLine, Fault } from './line.ts'
import { type Column, renderTable } from './table.ts'

export interface Summary {
  exchange(line: ExchangeLine): void
  connection(connection: ConnectionSummary): void
  render(options?: RenderOptions): string
}

export interface RenderOptions {
  /** Width of the terminal; 120 unless told. */
  readonly columns?: number
  readonly colour?: boolean
  /** Whether connections are counted; without BPF only exchanges are. They are unless told. */
  readonly hasConnections?: boolean
}

const ROWS = 200
const COLUMNS = 120

const DONE: Readonly<Record<Decision['kind'], string>> = {
  mock: 'mocked',
  forward: 'forwarded',
  relay: 'relayed',
  refuse: 'refused',
}

interface Totals {
  exchanges: number
  readonly failures: Map<Fault, number>
  readonly refusals: Map<Fault, number>
  readonly decisions: Map<string, number>
  readonly verdicts: Map<Verdict, number>
}

/** Keeps the last 200 exchanges and counts; its size does not grow with the traffic. */
export const createSummary = (rows: number = ROWS): Summary => {
  const last: ExchangeLine[] = []
  const totals = noTotals()
  return {
    exchange(line) {
      last[totals.exchanges % rows] = line
      totals.exchanges++
      count(totals.decisions, line.decision)
      if (line.fault !== undefined) count(line.decision === 'refuse' ? totals.refusals : totals.failures, line.fault)
    },
    connection({ verdict }) {
      // Understudy's own legs are not the command's doing.
      if (verdict !== 'own_traffic') count(totals.verdicts, verdict)
    },
    render: (options) => render(ordered(last, totals.exchanges, rows), totals, options),
  }
}

const count = <K>(counts: Map<K, number>, key: K) => counts.set(key, (counts.get(key) ?? 0) + 1)

const ordered = (ring: readonly ExchangeLine[], written: number, rows: number): ExchangeLine[] => {
  const start = written > rows ? written % rows : 0
  return [...ring.slice(start), ...ring.slice(0, start)]
}

const render = (lines: readonly ExchangeLine[], totals: Totals, options: RenderOptions = {}): string => {
  const { columns = COLUMNS, colour = false } = options
  if (lines.length === 0) return `${nothingExchanged(totals, options.hasConnections)}\n`
  const table = renderTable(TABLE, lines, { columns, colour, paintTitle: paint(BOLD) })
  const hidden = totals.exchanges - lines.length
  const earlier = hidden > 0 ? `… ${plural(hidden, 'earlier exchange')} not shown\n` : ''
  return `${table}\n${earlier}\n${totalsLine(totals)}\n`
}

const noTotals = (): Totals => ({
  exchanges: 0,
  decisions: new Map(),
  failures: new Map(),
  refusals: new Map(),
  verdicts: new Map(),
})

const totalsLine = (totals: Totals): string => {
  const { decisions, failures, refusals } = totals
  const done = (Object.keys(DONE) as Decision['kind'][])
    .filter((kind) => decisions.has(kind))
    .map((kind) => `${decisions.get(kind)} ${DONE[kind]}${kind === 'refuse' ? listed(refusals) : ''}`)
  const failed = failures.size > 0 ? [`${total(failures)} failed${listed(failures)}`] : []
  const exchanges = `${plural(totals.exchanges, 'exchange')}: ${done.join(', ')}`
  return [exchanges, ...failed, ...connectionTotals(totals)].join(' · ')
}

const total = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((sum, n) => sum + n, 0)

/** ` (2 loopback, 1 excluded_port)`, the commonest first; nothing where there is nothing. */
const listed = (counts: ReadonlyMap<string, number>): string => {
  const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([name, n]) => (counts.size === 1 ? name : `${n} ${name}`))
  return parts.length > 0 ? ` (${parts.join(', ')})` : ''
}

const connectionTotals = ({ verdicts }: Totals): string[] => {
  const direct = new Map([...verdicts].filter(([verdict]) => verdict !== 'redirected' && verdict !== 'failed_closed'))
  const refused = verdicts.get('failed_closed') ?? 0
  return [
    ...(direct.size > 0 ? [`${plural(total(direct), 'connection')} went direct${listed(direct)}`] : []),
    ...(refused > 0 ? [`${plural(refused, 'connection')} refused (failed_closed)`] : []),
  ]
}

/** What to change, by the verdict that most connections met. */
const HINTS: Partial<Readonly<Record<Verdict, string>>> = {
  loopback: 'Loopback is left alone unless interceptLoopback is set.',
  link_local: 'Link-local addresses are left alone unless interceptLinkLocal is set.',
  excluded_port: 'Their ports are in excludePorts.',
  excluded_cidr: 'Their addresses are in excludeCidrs.',
  bound_device: 'Sockets bound to a network device are left alone.',
  agent_stale: 'The proxy was too busy to send its heartbeat; raise heartbeatStaleMs.',
  no_listener: 'The proxy was not listening when they were made.',
  no_record: 'The kernel had no room to record where they were going; raise flowCapacity.',
}

const nothingExchanged = (totals: Totals, hasConnections = true): string => {
  const { verdicts } = totals
  if (!hasConnections)
    return 'No exchanges seen. Connections on which nothing was asked are only counted with --capture ebpf.'
  if (verdicts.size === 0) {
    return 'No connections seen: the command opened none over TCP, or asked a process outside of it (a daemon, say) to.'
  }
  const connections = connectionTotals(totals)
  if (connections.length === 0) {
    return `No exchanges: ${plural(verdicts.get('redirected') ?? 0, 'connection')} intercepted, but nothing was asked on them.`
  }
  const [commonest] = [...verdicts].filter(([verdict]) => verdict in HINTS).sort((a, b) => b[1] - a[1])
  const hint = commonest && HINTS[commonest[0]]
  return `No exchanges: ${connections.join(' · ')}.${hint ? ` ${hint}` : ''}`
}

const plural = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`

/** There is no host and no path: their columns show bytes instead. */
const isOpaque = (line: ExchangeLine): boolean => line.method === undefined

const pathText = (line: ExchangeLine): string =>
  line.query === undefined ? (line.path ?? '-') : `${line.path}?${line.query}`

/** Bytes for a reader: `512 B`, `1.5 kB`, `23 MB`. */
const bytesText = (bytes: number): string => {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = bytes
  let unit = 0
  for (; size >= 999.5 && unit < units.length - 1; unit++) size /= 1000
  return `${unit > 0 && size < 9.95 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`
}

const clockText = (iso: string): string => {
  const date = new Date(iso)
  const two = (n: number) => String(n).padStart(2, '0')
  const ms = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`
}

const BOLD = 1
const RED = 31
const GREEN = 32
const YELLOW = 33
const MAGENTA = 35
const CYAN = 36

const paint =
  (code: number) =>
  (text: string): string =>
    `\x1b[${code}m${text}\x1b[0m`

const paintStatus = (text: string, { status }: ExchangeLine): string => {
  if (status === undefined) return text
  return paint(status >= 500 ? RED : status >= 400 ? YELLOW : GREEN)(text)
}

const paintDecision = (text: string, line: ExchangeLine): string => {
  if (line.fault !== undefined) return paint(RED)(text)
  return line.decision === 'mock' ? paint(MAGENTA)(text) : paint(CYAN)(text)
}

const TABLE: readonly Column<ExchangeLine>[] = [
  { title: 'TIME', cell: (line) => clockText(line.time), rank: 1 },
  { title: 'DIR', cell: (line) => (line.direction === 'inbound' ? 'in' : ''), optional: true },
  { title: 'PROCESS', cell: (line) => line.process ?? '-', min: 8, rank: 3 },
  { title: 'METHOD', cell: (line) => line.method ?? '-', min: 7 },
  {
    title: 'HOST',
    cell: (line) => (isOpaque(line) ? `${bytesText(line.requestBytes)} out` : (line.host ?? '-')),
    min: 12,
  },
  { title: 'PATH', cell: (line) => (isOpaque(line) ? `${bytesText(line.responseBytes)} in` : pathText(line)), min: 12 },
  { title: 'ORIGINAL-DST', cell: (line) => line.originalDestination ?? '-', min: 21, rank: 4 },
  { title: 'RESOLVED-BY', cell: (line) => line.resolvedBy ?? '-', min: 11, rank: 2 },
  { title: 'DECISION', cell: (line) => DONE[line.decision], paint: paintDecision },
  {
    title: 'STATUS',
    cell: (line) => (line.status === undefined ? '-' : String(line.status)),
    right: true,
    paint: paintStatus,
  },
  { title: 'MS', cell: (line) => line.durationMs.toFixed(line.durationMs < 9.95 ? 1 : 0), right: true },
  { title: 'FAULT', cell: (line) => line.fault ?? '', rank: 0, optional: true, paint: paint(RED) },
]
