import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { createMetrics } from '../../../src/record/metrics.ts'
import { createTally } from '../../../src/record/tally.ts'
import { connection, exchange, forward, opaque, outcome, refuse } from './samples.ts'

/** The value of one series, by its text. */
const value = async (metrics: { text(): Promise<string> }, series: string): Promise<string | undefined> =>
  (await metrics.text())
    .split('\n')
    .find((line) => line.startsWith(`${series} `))
    ?.slice(series.length + 1)

test('an exchange moves every counter that concerns it', async () => {
  const metrics = createMetrics({ version: '1' })
  metrics.exchange(
    exchange({ decision: forward, outcome: outcome({ requestBytes: 7, responseBytes: 9, durationMs: 30 }) }),
  )
  metrics.exchange(exchange({ decision: forward, outcome: outcome({ status: 502, fault: 'upstream_refused' }) }))
  const expected = {
    'understudy_exchanges_total{decision="forward",protocol="http/1.1"}': '2',
    'understudy_exchange_faults_total{fault="upstream_refused"}': '1',
    'understudy_responses_total{decision="forward",class="2xx"}': '1',
    'understudy_responses_total{decision="forward",class="5xx"}': '1',
    'understudy_request_bytes_total{decision="forward"}': '7',
    'understudy_response_bytes_total{decision="forward"}': '11',
    'understudy_resolve_answers_total{strategy="cookie",kind="found"}': '2',
    'understudy_exchange_duration_seconds_bucket{le="0.05",decision="forward"}': '2',
    'understudy_exchange_duration_seconds_count{decision="forward"}': '2',
  }
  for (const [series, count] of Object.entries(expected)) assert.equal(await value(metrics, series), count, series)
})

test('a refusal counts under its reason, opaque bytes count no response', async () => {
  const metrics = createMetrics({ version: '1' })
  metrics.exchange(exchange({ decision: refuse, outcome: outcome({ status: 404 }) }))
  metrics.exchange(opaque())
  assert.equal(await value(metrics, 'understudy_exchange_faults_total{fault="no_expectation"}'), '1')
  assert.equal(await value(metrics, 'understudy_responses_total{decision="refuse",class="4xx"}'), '1')
  assert.ok(!(await metrics.text()).includes('understudy_responses_total{decision="relay"'))
})

test('numbers that make no sense are ignored, not thrown over', async () => {
  const metrics = createMetrics({ version: '1' })
  const odd = outcome({ status: 9000, requestBytes: Number.NaN, responseBytes: -1, durationMs: Number.NaN })
  metrics.exchange(exchange({ outcome: odd }))
  assert.equal(await value(metrics, 'understudy_response_bytes_total{decision="mock"}'), '0')
  assert.equal(await value(metrics, 'understudy_responses_total{decision="mock",class="other"}'), '1')
})

test('connections count by verdict and end', async () => {
  const metrics = createMetrics({ version: '1' })
  metrics.connection(connection({ verdict: 'loopback', closeReason: 'reset', retransmits: 3 }))
  assert.equal(await value(metrics, 'understudy_connections_closed_total{verdict="loopback",reason="reset"}'), '1')
  assert.equal(await value(metrics, 'understudy_connection_retransmits_total'), '3')
})

test('gauges follow what opens and closes', async () => {
  const metrics = createMetrics({ version: '1' })
  metrics.flowOpened()
  metrics.flowOpened()
  metrics.flowClosed()
  metrics.subscribers(4)
  assert.equal(await value(metrics, 'understudy_flows_open'), '1')
  assert.equal(await value(metrics, 'understudy_flow_subscribers'), '4')
})

test('the kernel is read once a scrape, and shown as it is', async () => {
  let reads = 0
  const reading = {
    faults: { no_record: 2 },
    mapEntries: { orig_dst: 5 },
    events: 9,
    eventsDropped: 1,
    eventsDroppedBy: { no_state: 3 },
    heartbeatAgeMs: 1500,
  }
  const metrics = createMetrics({
    version: '1',
    readKernel: () => {
      reads++
      return reading
    },
  })
  await metrics.text()
  assert.equal(reads, 1)
  assert.equal(await value(metrics, 'understudy_bpf_faults_total{reason="no_record"}'), '2')
  assert.equal(await value(metrics, 'understudy_bpf_map_entries{map="orig_dst"}'), '5')
  assert.equal(await value(metrics, 'understudy_bpf_events_total'), '9')
  assert.equal(await value(metrics, 'understudy_bpf_events_dropped_total{cause="ring_full"}'), '1')
  assert.equal(await value(metrics, 'understudy_bpf_events_dropped_total{cause="no_state"}'), '3')
  assert.equal(await value(metrics, 'understudy_heartbeat_age_seconds'), '1.5')
})

test('a kernel that cannot be read shows no heartbeat rather than a fresh one', async () => {
  const metrics = createMetrics({ version: '1', readKernel: () => undefined })
  assert.equal(await value(metrics, 'understudy_heartbeat_age_seconds'), undefined)
})

test('two sets of metrics do not share anything', async () => {
  const [one, two] = [createMetrics({ version: '1' }), createMetrics({ version: '2' })]
  one.flowOpened()
  assert.equal(await value(two, 'understudy_flows_open'), '0')
})

test('a label that turns out to be open stops growing', async () => {
  const registry = new Registry()
  const tally = createTally(registry, { name: 'x_total', help: 'x', labels: ['a', 'b'] })
  for (let i = 0; i < 1000; i++) tally.add(1, `first ${i}`, `second ${i}`)
  const text = await registry.metrics()
  assert.ok(text.split('\n').length < 100)
  assert.match(text, /a="_other",b="_other"\} \d+/)
})
