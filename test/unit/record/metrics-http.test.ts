import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Exchange } from '../../../src/flow.ts'
import { createHttpDurations } from '../../../src/record/metrics-http.ts'
import { parseExposition } from '../../support/exposition.ts'
import { exchange, flow, opaque, outcome, refuse, request } from './samples.ts'

const CLIENT = 'http_client_request_duration_seconds'
const SERVER = 'http_server_request_duration_seconds'

const pod = { id: 7, uid: 'u1', namespace: 'shop', name: 'cart-1' }
const ofPod = (changes: Partial<Exchange> = {}) => exchange({ flow: { ...flow, workload: pod }, ...changes })
const toPod = (changes: Partial<Exchange> = {}) =>
  exchange({ flow: { ...flow, workload: pod, direction: 'inbound', standsFor: 8080 }, ...changes })

const scene = (...exchanges: Exchange[]) => {
  const durations = createHttpDurations({ bound: 100, onLimit: () => {}, nowMs: () => 0 })
  for (const one of exchanges) durations.observe(one)
  const samples = (family: string) => parseExposition(durations.text()).get(family)?.samples ?? []
  const counts = (family: string) => samples(family).filter(({ name }) => name === `${family}_count`)
  return { durations, samples, counts }
}

test('a request of a pod counts with the attributes of the conventions', () => {
  assert.deepEqual(scene(ofPod()).counts(CLIENT), [
    {
      name: `${CLIENT}_count`,
      labels: {
        k8s_namespace_name: 'shop',
        k8s_pod_name: 'cart-1',
        http_request_method: 'GET',
        http_response_status_code: '200',
        error_type: '',
        server_address: 'example.com',
        server_port: '80',
        network_protocol_version: '1.1',
        url_scheme: 'http',
      },
      value: 1,
    },
  ])
  assert.deepEqual(scene(ofPod()).counts(SERVER), [])
})

test('a request to a pod counts under its port, and not under what strangers call it', () => {
  const [one] = scene(toPod({ request: request({ host: 'anything.example' }) })).counts(SERVER)
  assert.equal(one?.labels['server_address'], '')
  assert.equal(one?.labels['server_port'], '8080')
})

test('buckets are cumulative and end at infinity', () => {
  const at = (durationMs: number) => ofPod({ outcome: outcome({ durationMs }) })
  const { samples } = scene(at(5), at(6), at(10_000), at(10_001))
  const buckets = samples(CLIENT).filter(({ name }) => name.endsWith('_bucket'))
  assert.deepEqual(
    buckets.map(({ labels, value }) => [labels['le'], value]),
    [
      ['0.005', 1],
      ...['0.01', '0.025', '0.05', '0.075', '0.1', '0.25', '0.5', '0.75', '1', '2.5', '5', '7.5'].map((le) => [le, 2]),
      ['10', 3],
      ['+Inf', 4],
    ],
  )
  const sum = samples(CLIENT).find(({ name }) => name === `${CLIENT}_sum`)
  assert.ok(Math.abs((sum?.value ?? 0) - 20.012) < 1e-9)
})

test('an error is named by its fault or else its status; a 4xx is none of the server', () => {
  const errors = (family: string, one: Exchange) =>
    scene(one)
      .counts(family)
      .map(({ labels }) => labels['error_type'])
  assert.deepEqual(errors(CLIENT, ofPod({ outcome: outcome({ status: 404 }) })), ['404'])
  assert.deepEqual(errors(SERVER, toPod({ outcome: outcome({ status: 404 }) })), [''])
  assert.deepEqual(errors(SERVER, toPod({ outcome: outcome({ status: 503 }) })), ['503'])
  const failed = ofPod({ outcome: outcome({ status: 502, fault: 'upstream_refused' }) })
  assert.deepEqual(errors(CLIENT, failed), ['upstream_refused'])
  assert.deepEqual(errors(CLIENT, ofPod({ decision: refuse, outcome: outcome({ status: 404 }) })), ['no_expectation'])
})

test('methods that nobody knows are one, and names differ in more than case', () => {
  const { counts } = scene(
    ofPod({ request: request({ method: 'BREW', host: 'A.example:81' }) }),
    ofPod({ request: request({ method: 'MELT', host: 'a.example' }) }),
  )
  assert.deepEqual(
    counts(CLIENT).map(({ labels, value }) => [labels['http_request_method'], labels['server_address'], value]),
    [['_OTHER', 'a.example', 2]],
  )
})

test('without a name the address counts, and an IPv6 one has no brackets', () => {
  const { host: _, ...nameless } = request()
  const addresses = (one: Exchange) =>
    scene(one)
      .counts(CLIENT)
      .map(({ labels }) => labels['server_address'])
  assert.deepEqual(addresses(ofPod({ request: nameless })), ['93.184.216.34'])
  assert.deepEqual(addresses(ofPod({ request: request({ host: '[2001:db8::1]:8080' }) })), ['2001:db8::1'])
  assert.deepEqual(addresses(ofPod({ request: request({ host: 'a:b:c' }) })), ['93.184.216.34'])
})

test('what is no request of a pod is not counted', () => {
  const { samples } = scene(
    exchange(),
    opaque({ flow: { ...flow, workload: pod } }),
    ofPod({ flow: { ...flow, workload: pod, direction: 'direct' } }),
    ofPod({ outcome: outcome({ durationMs: Number.NaN }) }),
  )
  assert.deepEqual([...samples(CLIENT), ...samples(SERVER)], [])
})

test('the series of a pod go with it', () => {
  const { durations, counts } = scene(ofPod(), toPod())
  durations.forget('u1')
  assert.deepEqual([...counts(CLIENT), ...counts(SERVER)], [])
})
