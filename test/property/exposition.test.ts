/** Whatever workloads, names and numbers come, a scrape can be read, and has no more series than it may. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { CloseReason, Exchange } from '../../src/flow.ts'
import { familyHead, labelPairs, labelValue } from '../../src/record/exposition.ts'
import { createHttpDurations } from '../../src/record/metrics-http.ts'
import { tcpText } from '../../src/record/metrics-tcp.ts'
import { createTcpTable } from '../../src/record/tcp-series.ts'
import { parseExposition } from '../support/exposition.ts'
import { connection, exchange, flow, outcome, request } from '../unit/record/samples.ts'

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({
    unit: fc.constantFrom('"', '\\', '\n', '\r', '{', '}', '\u0000', '\ud800', 'a', ',', '='),
    maxLength: 20,
  }),
)
const anyNumber = fc.oneof(fc.double(), fc.integer({ min: 0, max: 1e9 }))
const endpoint = fc.record({ address: fc.oneof(fc.ipV4(), fc.ipV6(), anyText), port: fc.nat(65_535) })
const workload = fc.record({ uid: fc.constantFrom('a', 'b', 'c'), namespace: anyText, name: anyText })
const reason = fc.constantFrom<CloseReason>(
  'orderly',
  'reset',
  'refused',
  'timed_out',
  'unreachable',
  'aborted',
  'other',
)

test('a label value is one line, bounded, and read as what was written', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const value = labelValue(text, 100)
      assert.ok(value.length <= 200 && value.isWellFormed())
      const line = `${familyHead('m', 'gauge', text)}m{${labelPairs([['a', value]])}} 1\n`
      if (/[\r\u2028\u2029]/.test(text)) return
      const [sample] = parseExposition(line).get('m')?.samples ?? []
      const safe = sample?.labels['a'] ?? ''
      assert.equal(safe.length <= 100, true)
      if (/^[\x20-\x7e]{0,100}$/.test(text)) assert.equal(safe, text)
    }),
  )
})

test('connections of any kind make a scrape that can be read, within the bound', () => {
  const summary = fc.record({
    workload,
    destination: endpoint,
    dialled: endpoint,
    names: fc.array(anyText, { maxLength: 2 }),
    closeReason: reason,
    established: fc.boolean(),
    bytesSent: anyNumber,
    bytesReceived: anyNumber,
    durationMs: anyNumber,
    srttUs: anyNumber,
    retransmits: anyNumber,
  })
  fc.assert(
    fc.property(fc.array(summary, { maxLength: 40 }), (summaries) => {
      const table = createTcpTable({ bound: 8, onLimit: () => {}, nowMs: () => 0 })
      for (const changes of summaries) table.ended(connection({ verdict: 'not_enrolled', ...changes }))
      const families = parseExposition(tcpText(table, () => summaries))
      const connects = families.get('understudy_tcp_connects_total')?.samples ?? []
      assert.ok(connects.length <= 10)
      assert.equal(
        connects.reduce((sum, { value }) => sum + value, 0),
        summaries.length,
      )
    }),
  )
})

test('exchanges of any kind make a scrape that can be read, within the bound', () => {
  const asked = fc.record({ method: anyText, host: anyText, status: fc.nat(999), durationMs: anyNumber, workload })
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 40 }), (all) => {
      const durations = createHttpDurations({ bound: 8, onLimit: () => {}, nowMs: () => 0 })
      for (const { method, host, status, durationMs, workload } of all) {
        const one: Exchange = exchange({
          flow: { ...flow, workload: { id: 1, ...workload } },
          request: request({ method, host }),
          outcome: outcome({ status, durationMs }),
        })
        durations.observe(one)
      }
      const { samples = [] } = parseExposition(durations.text()).get('http_client_request_duration_seconds') ?? {}
      const counts = samples.filter(({ name }) => name.endsWith('_count'))
      assert.ok(counts.length <= 10)
      const counted = all.filter(({ durationMs }) => durationMs >= 0 && durationMs < Infinity).length
      assert.equal(
        counts.reduce((sum, { value }) => sum + value, 0),
        counted,
      )
    }),
  )
})
