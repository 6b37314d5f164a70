/**
 * What 5,000 pairs of workload and destination cost: the text of their families at a scrape, and the memory of each. The
 * reference is prom-client with the same families, labels and values.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Counter, Gauge, Registry } from 'prom-client'
import type { ConnectionSummary } from '../src/flow.ts'
import { tcpText } from '../src/record/metrics-tcp.ts'
import { createTcpTable, type TcpTable } from '../src/record/tcp-series.ts'
import { note, report } from './support/report.ts'
import { median, spreadOf } from './support/statistics.ts'

const SERIES = 5000
const PODS = 50
const ROUNDS = 40

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const connection = (index: number): ConnectionSummary => ({
  kind: 'connection',
  endedAtMs: 0,
  cookie: 1n,
  process: { pid: 1, name: 'app' },
  source: { address: '10.244.1.7', port: 40_000 },
  destination: { address: `10.96.${index >> 8}.${index & 255}`, port: 8080 },
  dialled: { address: `10.244.${index >> 8}.${index & 255}`, port: 8080 },
  verdict: 'not_enrolled',
  closeReason: 'orderly',
  bytesSent: 12_345_678,
  bytesReceived: 987_654_321,
  durationMs: 12.345,
  established: true,
  srttUs: 345,
  retransmits: 1,
  workload: {
    name: `checkout-service-7d9f8b6c5d-${index % PODS}abcd`,
    namespace: 'payments-production',
    uid: `uid-${index % PODS}`,
  },
  names: [`service-${index}.payments-production.svc.cluster.local`],
})

/** Bytes that what is made takes in the heap. */
const sized = <T>(make: () => T): { made: T; bytes: number } => {
  collect()
  const before = process.memoryUsage().heapUsed
  const made = make()
  collect()
  return { made, bytes: process.memoryUsage().heapUsed - before }
}

const ours = (): TcpTable => {
  const table = createTcpTable({ bound: SERIES, onLimit: () => {}, nowMs: () => 0 })
  for (let index = 0; index < SERIES; index++) table.ended(connection(index))
  return table
}

const theirs = (like: TcpTable): Registry => {
  const registry = new Registry()
  const labelNames = ['namespace', 'pod', 'destination', 'dialled']
  const names = [...tcpText(like, () => []).matchAll(/^# TYPE (\S+) (\S+)/gm)]
  const own = names.filter(([, name]) => name !== 'understudy_tcp_connect_failures_total')
  for (const [, name = '', type] of own) {
    const options = { name, help: name, labelNames, registers: [registry] }
    const metric = type === 'gauge' ? new Gauge(options) : new Counter(options)
    for (const { labels } of like.all()) metric.inc(labelsOf(labels), 12_345.5)
  }
  return registry
}

const labelsOf = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]))

const timed = async (run: () => string | Promise<string>): Promise<number> => {
  const start = performance.now()
  Buffer.from(await run())
  return performance.now() - start
}

const table = sized(ours)
if (table.made.size() !== SERIES) throw new Error(`${table.made.size()} series instead of ${SERIES}`)
const registry = sized(() => theirs(table.made))
const times: { ours: number; theirs: number }[] = []
for (let round = -5; round < ROUNDS; round++) {
  const time = {
    ours: await timed(() => tcpText(table.made, () => [])),
    theirs: await timed(() => registry.made.metrics()),
  }
  if (round >= 0) times.push(time)
}
const size = Buffer.byteLength(tcpText(table.made, () => [])) / 1e6
note(
  `scrape: ${size.toFixed(1)} MB; ${median(times.map((time) => time.ours)).toFixed(1)} ms, with prom-client ${median(times.map((time) => time.theirs)).toFixed(1)} ms`,
)
report([
  {
    question: `text of a scrape of ${SERIES} pairs of workload and destination: time`,
    reference: 'prom-client with the same series',
    measured: { kind: 'ratio', spread: spreadOf(times.map((time) => time.ours / time.theirs)) },
    target: { atMost: 0.5 },
  },
  {
    question: 'heap of such a pair',
    reference: `prom-client: ${Math.round(registry.bytes / SERIES)} bytes`,
    measured: { kind: 'amount', value: Math.round(table.bytes / SERIES), unit: 'bytes' },
    target: {},
  },
])
