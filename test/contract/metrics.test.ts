/** A rename breaks somebody's dashboard: this is the list of names, types and labels that others rely on. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DNS_LIMITS } from '../../src/dns/dns.ts'
import { DNS_ANSWERS as SERVER_ANSWERS } from '../../src/dns/resolver.ts'
import { createMetrics, DNS_ANSWERS, LIMITS } from '../../src/record/metrics.ts'
import type { NodePorts } from '../../src/record/metrics-node.ts'
import { connection, exchange } from '../unit/record/samples.ts'

const GOLDEN = `
understudy_bpf_events_dropped_total counter cause
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

/** What a node's agent has beside them. */
const GOLDEN_OF_NODE = `
http_client_request_duration_seconds histogram k8s_namespace_name k8s_pod_name http_request_method http_response_status_code error_type server_address server_port network_protocol_version url_scheme
http_server_request_duration_seconds histogram k8s_namespace_name k8s_pod_name http_request_method http_response_status_code error_type server_address server_port network_protocol_version url_scheme
understudy_bpf_program_run_seconds_total counter program
understudy_bpf_program_runs_total counter program
understudy_enrolment_duration_seconds histogram
understudy_expectation_reloads_total counter result
understudy_expectations gauge source
understudy_kube_errors_total counter kind
understudy_kube_last_event_age_seconds gauge
understudy_kube_reconnects_total counter
understudy_kube_relists_total counter
understudy_pod_events_total counter result
understudy_reconcile_repairs_total counter what
understudy_self_tests_total counter result
understudy_tcp_connect_failures_total counter namespace pod destination dialled reason
understudy_tcp_connection_seconds_total counter namespace pod destination dialled
understudy_tcp_connections_active gauge namespace pod destination dialled
understudy_tcp_connects_total counter namespace pod destination dialled
understudy_tcp_established_total counter namespace pod destination dialled
understudy_tcp_received_bytes_total counter namespace pod destination dialled
understudy_tcp_retransmits_total counter namespace pod destination dialled
understudy_tcp_sent_bytes_total counter namespace pod destination dialled
understudy_tcp_srtt_seconds gauge namespace pod destination dialled
understudy_workloads gauge state
`

const POD = { id: 7, uid: 'u1', namespace: 'shop', name: 'cart-1' }
const NODE: NodePorts = {
  readCosts: () => [{ program: 'redirect_connect4', runs: 1, seconds: 1 }],
  openConnections: () => [],
  workloads: () => ({ intercepted: 1 }),
  kube: () => ({ relists: 0, reconnects: 0, errors: { timeout: 1 }, lastEventAgeMs: 1 }),
  expectations: () => ({ folder: 1 }),
}

const scrapeOfNode = (): Promise<string> => {
  const metrics = createMetrics({ version: '1', node: { ports: NODE, tcpSeries: 16 } })
  const ofPod = { ...exchange().flow, workload: POD }
  metrics.exchange(exchange({ flow: ofPod }))
  metrics.exchange(exchange({ flow: { ...ofPod, direction: 'inbound' } }))
  metrics.connection(connection({ workload: POD }))
  metrics.connection(connection({ workload: POD, established: false, closeReason: 'refused' }))
  return metrics.text()
}

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

const documented = (): string[] =>
  [...docs().matchAll(/^\| `((?:understudy|http_client|http_server)_\w+)`/gm)].map(([, name = '']) => name).sort()

test('a scrape has exactly these metrics, types and labels', async () => {
  assert.equal(outline(await scrape()), GOLDEN.trim())
})

test("a scrape of a node's agent has exactly these beside them", async () => {
  const common = new Set([...(await scrape()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
  const own = outline(await scrapeOfNode())
    .split('\n')
    .filter((line) => !common.has(line.split(' ')[0]))
  assert.equal(own.join('\n'), GOLDEN_OF_NODE.trim())
})

test('docs/metrics.md lists the same metrics', () => {
  const names = `${GOLDEN.trim()}\n${GOLDEN_OF_NODE.trim()}`.split('\n').map((line) => line.split(' ')[0] ?? '')
  assert.deepEqual(documented(), names.sort())
})

test('every limit is counted from 0, and docs/metrics.md says what reaching it does', async () => {
  const counted = [...(await scrape()).matchAll(/^understudy_limit_hits_total\{limit="(\w+)"\} 0$/gm)]
  const names = [
    ...['body', 'body_budget', 'body_inflated', 'callback_clients', 'callback_waiting', 'connections'],
    ...['conntrack_bytes', 'conntrack_lines', 'conntrack_time', 'control_waiting'],
    ...['dns_connections', 'dns_in_flight', 'dns_intents', 'dns_reserved'],
    ...['event_log', 'flow_subscribers', 'head_bytes', 'headers', 'http_series', 'peek_bytes', 'recording'],
    ...['tcp_series', 'upstream_connections', 'upstream_destinations', 'websocket_message_bytes'],
    'workload_connections',
  ]
  assert.deepEqual(
    counted.map(([, name]) => name),
    names,
  )
  const rows = [...docs().matchAll(/^\| `(?!understudy_|http_(?:client|server)_)(\w+)` \|/gm)].map(([, name]) => name)
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
  for (const line of `${outline(await scrape())}\n${outline(await scrapeOfNode())}`.split('\n')) {
    const [name = '', type] = line.split(' ')
    // Those of OpenTelemetry have its names.
    assert.match(name, /^(understudy|http_client|http_server)_[a-z_]+$/)
    assert.doesNotMatch(name, /_(ms|milliseconds|kb|mb|us)(_|$)/)
    assert.equal(name.endsWith('_total'), type === 'counter', name)
  }
})
