import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { type AgentReadings, declareAgentMetrics, type KubeReading } from '../../../src/record/metrics-agent.ts'
import { parseExposition } from '../../support/exposition.ts'

const scene = (readings: AgentReadings = {}) => {
  const registry = new Registry()
  const agent = declareAgentMetrics(registry, readings)
  const values = async (family: string) => {
    const { samples = [] } = parseExposition(await registry.metrics()).get(family) ?? {}
    return Object.fromEntries(samples.map(({ labels, value }) => [Object.values(labels).join(' '), value]))
  }
  return { agent, values }
}

test('everything that can happen is there from the start, at 0', async () => {
  const { values } = scene()
  assert.deepEqual(await values('understudy_self_tests_total'), { passed: 0, failed: 0, impossible: 0 })
  assert.deepEqual(await values('understudy_pod_events_total'), { sent: 0, aggregated: 0, failed: 0, dropped: 0 })
  assert.deepEqual(await values('understudy_expectation_reloads_total'), { loaded: 0, refused: 0, unreadable: 0 })
})

test('what the agent does is counted', async () => {
  const { agent, values } = scene()
  agent.repaired('listener')
  agent.repaired('listener')
  agent.selfTest('failed')
  agent.podEvents('dropped', 3)
  agent.podEvents('sent')
  agent.expectationReload('refused')
  const repairs = { listener: 2, policy: 0, link: 0, netns: 0, annotation: 0 }
  assert.deepEqual(await values('understudy_reconcile_repairs_total'), repairs)
  assert.equal((await values('understudy_self_tests_total'))['failed'], 1)
  assert.deepEqual(await values('understudy_pod_events_total'), { sent: 1, aggregated: 0, failed: 0, dropped: 3 })
  assert.equal((await values('understudy_expectation_reloads_total'))['refused'], 1)
})

test('enrolments are a histogram, and a time that makes no sense is none', async () => {
  const { agent, values } = scene()
  agent.enrolled(0.02)
  agent.enrolled(Number.NaN)
  agent.enrolled(-1)
  const buckets = await values('understudy_enrolment_duration_seconds')
  assert.deepEqual([buckets['0.01'], buckets['0.025'], buckets['+Inf']], [0, 1, 1])
})

test('workloads are counted by state at each scrape, those without any at 0', async () => {
  let intercepted = 2
  const { values } = scene({ workloads: () => ({ intercepted, failed: 1 }) })
  assert.deepEqual(await values('understudy_workloads'), {
    ...{ intercepted: 2, skipped: 0, failed: 1, waiting: 0, stopped: 0 },
  })
  intercepted = 0
  assert.equal((await values('understudy_workloads'))['intercepted'], 0)
})

test('expectations are counted by source, and a source that is gone has no sample', async () => {
  let held: Record<string, number> = { folder: 3, control: 1 }
  const { values } = scene({ expectations: () => held })
  assert.deepEqual(await values('understudy_expectations'), { folder: 3, control: 1 })
  held = { control: 2 }
  assert.deepEqual(await values('understudy_expectations'), { control: 2 })
})

test('the state of the connection to the API is what the port says', async () => {
  let kube: KubeReading | undefined = { relists: 1, reconnects: 2, errors: { timeout: 3 }, lastEventAgeMs: 1500 }
  const { values } = scene({ kube: () => kube })
  assert.deepEqual(await values('understudy_kube_relists_total'), { '': 1 })
  assert.deepEqual(await values('understudy_kube_reconnects_total'), { '': 2 })
  assert.deepEqual(await values('understudy_kube_errors_total'), { timeout: 3 })
  assert.deepEqual(await values('understudy_kube_last_event_age_seconds'), { '': 1.5 })
  kube = { relists: -1, reconnects: Number.NaN, errors: { timeout: -1 } }
  assert.deepEqual(await values('understudy_kube_relists_total'), { '': 0 })
  assert.deepEqual(await values('understudy_kube_last_event_age_seconds'), {})
  kube = undefined
  assert.deepEqual(await values('understudy_kube_errors_total'), {})
})

test('a port that names more kinds than there can be does not grow the scrape', async () => {
  const errors = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`kind${n}`, 1]))
  const { values } = scene({ kube: () => ({ relists: 0, reconnects: 0, errors }) })
  assert.equal(Object.keys(await values('understudy_kube_errors_total')).length, 32)
})
