import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConnectionSummary } from '../../../src/flow.ts'
import { createTcpTable, FAILURES } from '../../../src/record/tcp-series.ts'
import { connection } from './samples.ts'

const workload = { uid: 'u1', namespace: 'shop', name: 'cart-1' }
const direct = (changes: Partial<ConnectionSummary> = {}) =>
  connection({ verdict: 'not_enrolled', destination: { address: '10.0.0.9', port: 5432 }, workload, ...changes })

const scene = (...connections: ConnectionSummary[]) => {
  const table = createTcpTable({ bound: 100, onLimit: () => {}, nowMs: () => 0 })
  for (const one of connections) table.ended(one)
  return { table, all: () => [...table.all()] }
}

const labelsOf = (one: ConnectionSummary): string | undefined => scene(one).all()[0]?.labels

test('connections of a pod to a destination add up', () => {
  const [series, ...others] = scene(
    direct({ bytesSent: 5, bytesReceived: 7, retransmits: 2, durationMs: 1500, srttUs: 8000 }),
    direct({ bytesSent: 1, bytesReceived: 1, retransmits: 0, durationMs: 500, srttUs: 8000 }),
  ).all()
  assert.deepEqual(others, [])
  assert.deepEqual(
    { ...series },
    {
      labels: 'namespace="shop",pod="cart-1",destination="10.0.0.9:5432",dialled=""',
      lastMs: 0,
      connects: 2,
      failures: undefined,
      sentBytes: 6,
      receivedBytes: 8,
      retransmits: 2,
      srttSeconds: 0.008,
      durations: 2,
      durationSeconds: 2,
      active: 0,
    },
  )
})

test('a destination that DNS named goes by its name', () => {
  assert.match(labelsOf(direct({ names: ['db.shop.svc', 'db'] })) ?? '', /destination="db\.shop\.svc:5432"/)
  assert.match(labelsOf(direct({ names: [] })) ?? '', /destination="10\.0\.0\.9:5432"/)
})

test('the address dialled is named where it is another one', () => {
  const elsewhere = { address: '10.244.1.2', port: 5432 }
  assert.match(labelsOf(direct({ dialled: elsewhere })) ?? '', /dialled="10\.244\.1\.2:5432"$/)
  assert.match(labelsOf(direct({ dialled: { address: '10.0.0.9', port: 5432 } })) ?? '', /dialled=""$/)
  assert.match(labelsOf(direct({ dialled: elsewhere, verdict: 'redirected' })) ?? '', /dialled=""$/)
})

test('legs of our own are not counted as connections of the workload', () => {
  assert.deepEqual(scene(direct({ verdict: 'own_traffic' })).all(), [])
})

test('a connection of nobody known counts under one series', () => {
  const { workload: _, ...unknown } = direct()
  const { table, all } = scene(unknown, { ...unknown, destination: { address: '10.0.0.1', port: 1 } })
  assert.deepEqual(
    all().map(({ labels, connects }) => [labels, connects]),
    [['namespace="_unknown",pod="_unknown",destination="_other",dialled=""', 2]],
  )
  assert.equal(table.size(), 0)
})

test('a connection that was never established is a failure with its reason, and has no duration', () => {
  const failed = (changes: Partial<ConnectionSummary>) => direct({ established: false, ...changes })
  const [series] = scene(
    failed({ closeReason: 'refused' }),
    failed({ closeReason: 'timed_out' }),
    failed({ closeReason: 'unreachable' }),
    failed({ closeReason: 'reset' }),
    failed({ closeReason: 'orderly' }),
    failed({ closeReason: 'aborted' }),
    failed({ closeReason: 'other' }),
    failed({ closeReason: 'aborted', verdict: 'failed_closed' }),
    direct({ closeReason: 'reset' }),
  ).all()
  assert.deepEqual(
    FAILURES.map((name, at) => [name, series?.failures?.[at]]),
    [
      ['refused', 1],
      ['timed_out', 1],
      ['unreachable', 1],
      ['reset_before_established', 1],
      ['aborted', 2],
      ['failed_closed', 1],
      ['other', 1],
    ],
  )
  assert.equal(series?.connects, 9)
  assert.equal(series?.durations, 1)
})

test('round trips are averaged, an eighth for each new one', () => {
  const [series] = scene(direct({ srttUs: 1_000_000 }), direct({ srttUs: 0 }), direct({ srttUs: 2_000_000 })).all()
  assert.equal(series?.srttSeconds, 1.125)
})

test('what is open is counted anew each time', () => {
  const { table, all } = scene(direct())
  const open = { workload, destination: { address: '10.0.0.9', port: 5432 } }
  table.open([
    open,
    open,
    { ...open, destination: { address: '10.0.0.8', port: 1 } },
    { ...open, verdict: 'own_traffic' },
  ])
  assert.deepEqual(
    all().map(({ active }) => active),
    [2, 1],
  )
  table.open([])
  assert.deepEqual(
    all().map(({ active }) => active),
    [0, 0],
  )
})

test('numbers that make no sense are ignored', () => {
  const odd = {
    bytesSent: -1,
    bytesReceived: Number.NaN,
    retransmits: Number.POSITIVE_INFINITY,
    durationMs: Number.NaN,
  }
  const [series] = scene(direct({ ...odd, srttUs: Number.NaN })).all()
  assert.deepEqual(
    [series?.sentBytes, series?.receivedBytes, series?.retransmits, series?.durationSeconds, series?.srttSeconds],
    [0, 0, 0, 0, 0],
  )
})
