import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../../../src/record/metrics.ts'
import { HTTP_SERIES, type NodePorts } from '../../../src/record/metrics-node.ts'
import { parseExposition } from '../../support/exposition.ts'
import { connection, exchange, flow, request } from './samples.ts'

const pod = { id: 7, uid: 'u1', namespace: 'shop', name: 'cart-1' }

const scene = (ports: NodePorts = {}, tcpSeries = 16) => {
  const metrics = createMetrics({ version: '1', node: { ports, tcpSeries, nowMs: () => 0 } })
  const samples = async (family: string) => parseExposition(await metrics.text()).get(family)?.samples ?? []
  const values = async (family: string) =>
    (await samples(family)).map(({ labels, value }) => [...Object.values(labels), value].join(' '))
  return { metrics, samples, values }
}

test('without a node there are no metrics of pods', async () => {
  const metrics = createMetrics({ version: '1' })
  metrics.connection(connection({ workload: pod }))
  metrics.forgetWorkload('u1')
  assert.equal(metrics.agent, undefined)
  assert.doesNotMatch(await metrics.text(), /understudy_tcp_|http_client|understudy_kube/)
})

test('connections and exchanges reach the families of pods, and leave with their pod', async () => {
  const { metrics, samples } = scene()
  metrics.connection(connection({ workload: pod }))
  metrics.exchange(exchange({ flow: { ...flow, workload: pod } }))
  assert.equal((await samples('understudy_tcp_connects_total')).length, 1)
  assert.equal((await samples('http_client_request_duration_seconds')).length, 17)
  metrics.forgetWorkload('u1')
  assert.deepEqual(await samples('understudy_tcp_connects_total'), [])
  assert.deepEqual(await samples('http_client_request_duration_seconds'), [])
})

test('a bound that is reached is counted under its name', async () => {
  const { metrics, samples } = scene({}, 16)
  for (let port = 1; port <= 10; port++)
    metrics.connection(connection({ workload: pod, destination: { address: '10.0.0.1', port } }))
  for (let n = 0; n <= HTTP_SERIES; n++)
    metrics.exchange(exchange({ flow: { ...flow, workload: pod }, request: request({ host: `h${n}.example` }) }))
  const hits = await samples('understudy_limit_hits_total')
  const of = (limit: string) => hits.find(({ labels }) => labels['limit'] === limit)?.value
  assert.equal(of('tcp_series'), 6)
  assert.equal(of('http_series'), HTTP_SERIES + 1 - HTTP_SERIES / 4)
})

test('what programs cost is read at a scrape', async () => {
  const { values } = scene({
    readCosts: () => [
      { program: 'redirect_connect4', runs: 12, seconds: 0.000_25 },
      { program: 'odd', runs: -1, seconds: Number.NaN },
    ],
  })
  assert.deepEqual(await values('understudy_bpf_program_runs_total'), ['redirect_connect4 12'])
  assert.deepEqual(await values('understudy_bpf_program_run_seconds_total'), ['redirect_connect4 0.00025'])
})

test('where the kernel does not measure it, programs have no samples', async () => {
  const { values } = scene({ readCosts: () => undefined })
  assert.deepEqual(await values('understudy_bpf_program_runs_total'), [])
})
