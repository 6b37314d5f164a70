import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tcpText } from '../../../src/record/metrics-tcp.ts'
import { createTcpTable } from '../../../src/record/tcp-series.ts'
import { parseExposition } from '../../support/exposition.ts'
import { connection } from './samples.ts'

const workload = { uid: 'u1', namespace: 'shop', name: 'cart-1' }
const destination = { address: '10.0.0.9', port: 5432 }
const labels = { namespace: 'shop', pod: 'cart-1', destination: '10.0.0.9:5432', dialled: '' }

const scene = () => {
  const table = createTcpTable({ bound: 100, onLimit: () => {}, nowMs: () => 0 })
  const values = (text: string) =>
    [...parseExposition(text).values()].flatMap(({ samples }) => samples.map(({ name, value }) => [name, value]))
  return { table, values }
}

test('each family has one sample a pair', () => {
  const { table, values } = scene()
  table.ended(connection({ verdict: 'not_enrolled', workload, destination, durationMs: 250, srttUs: 500 }))
  assert.deepEqual(values(tcpText(table)), [
    ['understudy_tcp_connects_total', 1],
    ['understudy_tcp_sent_bytes_total', 10],
    ['understudy_tcp_received_bytes_total', 20],
    ['understudy_tcp_retransmits_total', 0],
    ['understudy_tcp_established_total', 1],
    ['understudy_tcp_connection_seconds_total', 0.25],
    ['understudy_tcp_srtt_seconds', 0.0005],
  ])
})

test('failures have a sample for each reason that there was', () => {
  const { table } = scene()
  const failed = { established: false, srttUs: 0, workload, destination }
  table.ended(connection({ ...failed, closeReason: 'refused' }))
  const families = parseExposition(tcpText(table))
  assert.deepEqual(families.get('understudy_tcp_connect_failures_total')?.samples, [
    { name: 'understudy_tcp_connect_failures_total', labels: { ...labels, reason: 'refused' }, value: 1 },
  ])
  assert.deepEqual(families.get('understudy_tcp_srtt_seconds')?.samples, [])
})

test('what is open is asked for at each scrape', () => {
  const { table, values } = scene()
  let open = [{ workload, destination }]
  const active = () => values(tcpText(table, () => open)).find(([name]) => name === 'understudy_tcp_connections_active')
  assert.deepEqual(active(), ['understudy_tcp_connections_active', 1])
  open = []
  assert.deepEqual(active(), ['understudy_tcp_connections_active', 0])
})

test('nothing counted is families without samples', () => {
  const { table, values } = scene()
  assert.deepEqual(values(tcpText(table)), [])
  assert.equal(parseExposition(tcpText(table)).size, 8)
})
