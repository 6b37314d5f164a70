/** A rename breaks somebody's dashboard: this is the list of names, types and labels that others rely on. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DNS_LIMITS } from '../../src/dns/dns.ts'
import { DNS_ANSWERS as SERVER_ANSWERS } from '../../src/dns/resolver.ts'
import { createMetrics, DNS_ANSWERS, LIMITS } from '../../src/record/metrics.ts'
import { connection, exchange } from '../unit/record/samples.ts'

const GOLDEN = `
understudy_bpf_events_dropped_total counter
understudy_bpf_events_total counter
understudy_bpf_faults_total counter reason
understudy_bpf_map_entries gauge map
understudy_build_info gauge version node
understudy_capture_info gauge mode
understudy_connection_retransmits_total counter
understudy_connections_closed_total counter verdict reason
understudy_dns_intents gauge
understudy_dns_queries_total counter answer
understudy_event_loop_lag_seconds gauge
understudy_exchange_duration_seconds histogram decision
understudy_exchange_faults_total counter fault
understudy_exchanges_total counter decision protocol
understudy_flow_subscribers gauge
understudy_flows_open gauge
understudy_heartbeat_age_seconds gauge
understudy_inbound_bytes_total counter part
understudy_inbound_duration_seconds histogram
understudy_inbound_exchanges_total counter decision class
understudy_limit_hits_total counter limit
understudy_process_cpu_seconds_total counter
understudy_process_resident_memory_bytes gauge
understudy_process_start_time_seconds gauge
understudy_proxy_headers_total counter result
understudy_records_dropped_total counter sink
understudy_request_bytes_total counter decision
understudy_resolve_answers_total counter strategy kind
understudy_resolve_mismatches_total counter evidence
understudy_response_bytes_total counter decision
understudy_responses_total counter decision class
`

const scrape = (): Promise<string> => {
  const readKernel = () => ({
    faults: { no_record: 1 },
    mapEntries: { orig_dst: 1 },
    events: 1,
    eventsDropped: 0,
    heartbeatAgeMs: 5,
  })
  const metrics = createMetrics({ version: '1', readKernel })
  metrics.exchange(exchange())
  metrics.exchange(exchange({ flow: { ...exchange().flow, direction: 'inbound' } }))
  metrics.connection(connection())
  metrics.captured('nft')
  return metrics.text()
}

/** `name type label label …`, one line per metric, by name. */
const outline = (text: string): string => {
  const labelsOf = (name: string) => {
    const sample = text.split('\n').find((line) => new RegExp(`^${name}(_bucket)?[{ ]`).test(line)) ?? ''
    return [...sample.matchAll(/(\w+)="/g)].map(([, label]) => label).filter((label) => label !== 'le')
  }
  const declared = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
  return declared
    .map(([, name = '', type]) => [name, type, ...labelsOf(name)].join(' '))
    .sort()
    .join('\n')
}

const docs = (): string => readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')

const documented = (): string[] => [...docs().matchAll(/^\| `(understudy_\w+)`/gm)].map(([, name = '']) => name).sort()

test('a scrape has exactly these metrics, types and labels', async () => {
  assert.equal(outline(await scrape()), GOLDEN.trim())
})

test('docs/metrics.md lists the same metrics', () => {
  const names = GOLDEN.trim()
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
  assert.deepEqual(documented(), names)
})

test('every limit is counted from 0, and docs/metrics.md says what reaching it does', async () => {
  const counted = [...(await scrape()).matchAll(/^understudy_limit_hits_total\{limit="(\w+)"\} 0$/gm)]
  const names = [
    ...['body', 'body_budget', 'body_inflated', 'callback_clients', 'callback_waiting', 'connections'],
    ...['conntrack_bytes', 'conntrack_lines', 'conntrack_time', 'control_waiting'],
    ...['dns_connections', 'dns_in_flight', 'dns_intents', 'dns_reserved'],
    ...['event_log', 'flow_subscribers', 'head_bytes', 'headers', 'peek_bytes', 'recording'],
    ...['upstream_connections', 'upstream_destinations', 'websocket_message_bytes', 'workload_connections'],
  ]
  assert.deepEqual(
    counted.map(([, name]) => name),
    names,
  )
  const rows = [...docs().matchAll(/^\| `(?!understudy_)(\w+)` \|/gm)].map(([, name]) => name)
  assert.deepEqual(rows, [...LIMITS])
})

test('the DNS server counts what the metrics know, and hits the limits they know', () => {
  assert.deepEqual([...SERVER_ANSWERS], [...DNS_ANSWERS])
  assert.deepEqual(
    DNS_LIMITS.filter((limit) => !LIMITS.includes(limit)),
    [],
  )
})

test('names are prefixed, in base units, and counters end in _total', async () => {
  for (const line of outline(await scrape()).split('\n')) {
    const [name = '', type] = line.split(' ')
    assert.match(name, /^understudy_[a-z_]+$/)
    assert.doesNotMatch(name, /_(ms|milliseconds|kb|mb|us)(_|$)/)
    assert.equal(name.endsWith('_total'), type === 'counter', name)
  }
})
