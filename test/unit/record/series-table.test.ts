import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSeriesTable, type Owner, type Series } from '../../../src/record/series-table.ts'

const owner = (uid: string): Owner => ({ uid, namespace: 'shop', name: `pod-${uid}` })

const HOUR_MS = 3_600_000

const scene = (bound: number) => {
  const state = { now: 0, limits: 0 }
  const table = createSeriesTable<Series, string>({
    bound,
    labels: ({ name }, what) => `${name} ${what ?? '_other'}`,
    make: (labels) => ({ labels, lastMs: 0 }),
    onLimit: () => state.limits++,
    nowMs: () => state.now,
  })
  const find = (uid: string, what: string) => table.find(owner(uid), what, what)
  return { state, table, find, labels: () => [...table.all()].map(({ labels }) => labels) }
}

test('the same workload and key is the same series, another workload has its own', () => {
  const { find, table } = scene(100)
  assert.equal(find('a', 'x'), find('a', 'x'))
  assert.notEqual(find('a', 'x'), find('b', 'x'))
  assert.equal(table.size(), 2)
})

test('a workload has a quarter of the series, and then one for all the rest', () => {
  const { find, labels, state } = scene(16)
  for (let n = 0; n < 40; n++) find('a', `x${n}`)
  assert.deepEqual(labels(), ['pod-a x0', 'pod-a x1', 'pod-a x2', 'pod-a x3', 'pod-a _other'])
  assert.equal(state.limits, 36)
  assert.equal(find('b', 'x').labels, 'pod-b x')
})

test('a full table counts newcomers under one series, and what it knows under its own', () => {
  const { find, table, state } = scene(4)
  for (const uid of ['a', 'b', 'c', 'd']) find(uid, 'x')
  assert.equal(state.limits, 0)
  assert.equal(find('e', 'x').labels, '_other _other')
  assert.equal(find('a', 'y').labels, '_other _other')
  assert.equal(find('a', 'x').labels, 'pod-a x')
  assert.equal(table.size(), 4)
  assert.equal(state.limits, 2)
})

test('whatever comes, there are at most two series more than the bound', () => {
  const { find, table, labels } = scene(10)
  for (let n = 0; n < 1000; n++) find(`u${n % 17}`, `x${n}`)
  table.find(undefined, 'x', 'x')
  assert.ok(table.size() <= 10)
  assert.ok(labels().length <= 12)
})

test('a workload that goes takes its series along and leaves their room', () => {
  const { find, table, labels } = scene(4)
  for (const key of ['x', 'y', 'z']) find('a', key)
  table.forget('a')
  assert.deepEqual([table.size(), labels()], [0, []])
  table.forget('a')
  table.forget('never-seen')
  assert.equal(table.size(), 0)
  for (const uid of ['b', 'c', 'd', 'e']) assert.equal(find(uid, 'x').labels, `pod-${uid} x`)
})

test('what comes late of a workload that is gone makes no series, but one that comes back has its own', () => {
  const { find, table, state } = scene(10)
  find('a', 'x')
  table.forget('a')
  assert.equal(find('a', 'x').labels, '_other _other')
  assert.equal(state.limits, 0)
  state.now += 60_000
  assert.equal(find('a', 'x').labels, 'pod-a x')
})

test('a full table lets go of what was idle for an hour, and of nothing else', () => {
  const { find, state, labels } = scene(4)
  for (const uid of ['a', 'b', 'c', 'd']) find(uid, 'x')
  state.now = HOUR_MS - 1
  assert.equal(find('e', 'x').labels, '_other _other')
  find('a', 'x')
  state.now += 60_000
  assert.equal(find('e', 'x').labels, 'pod-e x')
  assert.deepEqual(labels(), ['pod-a x', 'pod-e x', '_other _other'])
})

test('a pod that comes back under its name goes on with its series, whatever is heard of the one before', () => {
  const { find, table, labels } = scene(10)
  const again: Owner = { ...owner('a'), uid: 'a2' }
  const series = find('a', 'x')
  assert.equal(table.find(again, 'x', 'x'), series)
  table.forget('a')
  assert.equal(table.find(again, 'x', 'x'), series)
  assert.deepEqual(labels(), ['pod-a x'])
  table.forget('a2')
  assert.equal(table.size(), 0)
})

test('nobody known has one series', () => {
  const { table } = scene(4)
  assert.equal(table.find(undefined, 'x', 'x'), table.find(undefined, 'y', 'y'))
  assert.equal(table.find(undefined, 'x', 'x').labels, '_unknown _other')
  assert.equal(table.size(), 0)
})
