/**
 * Does anything get lost or left behind when 200,000 connections come and go, refused and aborted ones among them, and
 * what does the agent's memory do meanwhile? A whole `understudy run`, asked through its own metrics.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { NET } from '../test/support/lab.ts'
import { CORES, onCore } from './support/cores.ts'
import { note, type Row, report } from './support/report.ts'
import { compile, openSite } from './support/site.ts'
import { type Metrics, startUnderstudy, type Understudy } from './support/understudy.ts'

const CONNECTIONS = 200_000
const THREADS = 24
const CLOSED_PORT = 8081
/** Of every ten: eight exchanges, one refused, one aborted. */
const EXCHANGED = (CONNECTIONS / 10) * 8
const MIB = 1024 * 1024
const DRAIN_LIMIT_MS = 10_000
/** Memory is handed back when traffic has paused for a second, and once after the start. */
const IDLE_MS = 3_000

const MOCKED = { httpRequest: { path: '/mocked' }, httpResponse: { body: 'from understudy' } }

const residentMib = (pid: number): number =>
  (Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) / MIB

/** The metrics once every connection is summed up, or as they are after the limit. */
const settled = async (understudy: Understudy): Promise<Metrics> => {
  const deadline = Date.now() + DRAIN_LIMIT_MS
  for (;;) {
    const metrics = await understudy.metrics()
    const open = metrics('understudy_flows_open')
    if (metrics('understudy_connections_closed_total') >= CONNECTIONS && open === 0) return metrics
    if (Date.now() > deadline) return metrics
    await pause(100)
  }
}

const lost = (metrics: Metrics): number =>
  Math.abs(CONNECTIONS - metrics('understudy_bpf_events_total')) +
  Math.abs(CONNECTIONS - metrics('understudy_connections_closed_total')) +
  Math.abs(EXCHANGED - metrics('understudy_responses_total', { decision: 'mock', class: '2xx' })) +
  Math.abs(EXCHANGED - metrics('understudy_resolve_answers_total', { strategy: 'ebpf', kind: 'found' })) +
  metrics('understudy_bpf_faults_total') +
  metrics('understudy_bpf_events_dropped_total')

const left = (metrics: Metrics): number =>
  ['orig_dst', 'in_flight', 'client_slots'].reduce(
    (sum, map) => sum + metrics('understudy_bpf_map_entries', { map }),
    metrics('understudy_flows_open'),
  )

const amount = (question: string, reference: string, value: number, unit: string, atMost: number): Row => ({
  question,
  reference,
  measured: { kind: 'amount', value, unit },
  target: { atMost },
})

const site = openSite('churn')
try {
  const churn = compile('churn')
  const understudy = await startUnderstudy({
    netns: site.lab.appNetns,
    expectations: [MOCKED],
    settings: { UNDERSTUDY_EXCLUDE_PORTS: `${CLOSED_PORT}` },
  })
  await pause(IDLE_MS)
  const before = residentMib(understudy.pid)
  const command = [churn, NET.served4, '80', `${CLOSED_PORT}`, `${CONNECTIONS}`, `${THREADS}`]
  const started = Date.now()
  const printed = await understudy.run(onCore(CORES.load, ...command).join(' '))
  note(`churn: ${printed} (exchanged, refused, aborted) in ${Math.round((Date.now() - started) / 1000)} s`)
  const metrics = await settled(understudy)
  await pause(IDLE_MS)
  const after = residentMib(understudy.pid)
  await understudy.close()
  const what = `${CONNECTIONS} connections`
  report([
    amount(`records and summaries lost of ${what}`, 'what the client counted', lost(metrics), '', 0),
    amount(`map entries and open flows left after ${what}`, 'an empty map', left(metrics), '', 0),
    amount('resident memory of the agent after its start', 'a limit', before, 'MiB', 110),
    amount(`growth of it over ${what}`, 'after its start', after - before, 'MiB', 15),
  ])
} finally {
  site.close()
}
