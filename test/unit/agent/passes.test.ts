import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { type PassOptions, startPasses } from '../../../src/agent/passes.ts'
import type { PolicyEntry } from '../../../src/kernel/policy-table.ts'
import type { Kernel } from '../../../src/kernel/programs.ts'
import type { WorkloadSource } from '../../../src/workloads/source.ts'
import { factsOf, openDesk } from '../../support/agent-desk.ts'

/** Turns of the loop that whatever is under way has by then had. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Passes over a desk, with a kernel that holds policies and nothing else; time is the test's. */
const open = (t: TestContext, changes: Partial<PassOptions> = {}) => {
  const { reconcile, source: plain, events, metrics, ...made } = openDesk(t)
  t.mock.timers.reset()
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000_000_000_000 })
  made.health.isSynced = false
  const policies = new Map<bigint, number>()
  const links: string[][] = []
  const lifted: number[] = []
  const cookies = new Map<string, bigint>()
  let ready = 0
  const turns = { now: 'first' }
  let changed = (_uid: string): void => assert.fail('not started')
  let closed = 0
  const source: WorkloadSource = {
    ...plain,
    start: (told) => {
      changed = told
    },
    close: async () => void closed++,
  }
  const kernel = {
    repairLinks: () => links.shift() ?? [],
    policies: () => [...policies].map(([netnsCookie, id]) => ({ netnsCookie, policy: { id } }) as PolicyEntry),
    policyOf: (cookie) =>
      (policies.has(cookie) ? { id: policies.get(cookie) } : undefined) as ReturnType<Kernel['policyOf']>,
    removePolicy: (cookie) => policies.delete(cookie),
    includeCidrs: (id) => lifted.push(id),
  } as Partial<Kernel> as Kernel
  const passes = startPasses({
    ...{ kernel, source, events, reconcile, metrics, log: pino({ enabled: false }), intervalMs: 1000 },
    ownership: { generation: 1, isOwner: () => made.desk.isOwner, turn: () => turns.now, release: () => {} },
    cookieOf: async ({ uid }) => cookies.get(uid),
    onReady: () => void ready++,
    ...changes,
  })
  return {
    ...{ ...made, turns, reconcile, policies, links, lifted, cookies, passes },
    changed: (uid: string) => changed(uid),
    ready: () => ready,
    closed: () => closed,
    pass: async (ms: number) => {
      t.mock.timers.tick(ms)
      await settled()
    },
  }
}

test('it is ready once the source has told all and all of it was looked at, and says so once', async (t) => {
  const { pass, health, workloads, ready, stateOf } = open(t)
  workloads.set('a', factsOf('a'))
  await pass(100)
  assert.deepEqual([ready(), stateOf('a')], [0, undefined])
  await pass(1000)
  assert.equal(ready(), 0, 'a pass over what is there so far does not do')
  health.isSynced = true
  await pass(50)
  assert.deepEqual([ready(), stateOf('a')], [1, 'intercepted'])
  await pass(5000)
  assert.equal(ready(), 1)
})

test('what the source tells is looked at without waiting for a pass', async (t) => {
  const { changed, workloads, stateOf } = open(t)
  workloads.set('a', factsOf('a'))
  changed('a')
  await settled()
  assert.equal(stateOf('a'), 'intercepted')
})

test('an agent that comes to be in charge looks at all at once', async (t) => {
  const { pass, health, workloads, desk, turns, stateOf } = open(t, { intervalMs: 3_600_000 })
  desk.isOwner = false
  turns.now = 'second'
  await pass(500)
  health.isSynced = true
  await pass(500)
  workloads.set('a', factsOf('a'))
  await pass(500)
  assert.equal(stateOf('a'), undefined)
  desk.isOwner = true
  await pass(500)
  assert.equal(stateOf('a'), 'intercepted')
})

test('so does one beside which another came and went between two looks', async (t) => {
  const { pass, health, workloads, turns, stateOf } = open(t, { intervalMs: 3_600_000 })
  health.isSynced = true
  await pass(500)
  workloads.set('a', factsOf('a'))
  await pass(1000)
  assert.equal(stateOf('a'), undefined)
  turns.now = 'second'
  await pass(500)
  assert.equal(stateOf('a'), 'intercepted')
})

test('policies of nobody go once everything is settled, with their excluded networks, and ours stay', async (t) => {
  const { pass, health, workloads, policies, lifted, reconcile, made } = open(t)
  policies.set(77n, 9)
  workloads.set('a', factsOf('a'))
  await pass(1000)
  assert.ok(policies.has(77n), 'not before the source has told all')
  const cookie = made[0]?.enrolment.netnsCookie ?? 0n
  policies.set(cookie, 1)
  health.isSynced = true
  await pass(1000)
  assert.ok(reconcile.byCookie(cookie))
  assert.deepEqual([...policies.keys()], [cookie])
  assert.deepEqual(lifted, [9])
})

test('while a workload is still looked for, only policies of workloads that are not to be intercepted go', async (t) => {
  const { pass, health, workloads, places, policies, cookies } = open(t)
  health.isSynced = true
  policies.set(5n, 5).set(6n, 6).set(7n, 7)
  for (const [uid, cookie] of [
    ['slow', 5n],
    ['plain', 6n],
    ['skipped', 7n],
  ] as const)
    cookies.set(uid, cookie)
  places.set('slow', { kind: 'waiting', why: 'no cgroup yet' })
  workloads.set('slow', factsOf('slow'))
  workloads.set('plain', factsOf('plain', { annotations: {} }))
  workloads.set('skipped', factsOf('skipped', { namespace: 'other' }))
  await pass(1000)
  assert.deepEqual([...policies.keys()], [5n])
})

test('an agent that is not in charge removes and repairs nothing', async (t) => {
  const { pass, health, policies, links, counted, desk } = open(t)
  desk.isOwner = false
  health.isSynced = true
  policies.set(77n, 9)
  links.push(['connect4: missing'])
  await pass(3000)
  assert.deepEqual([...policies.keys()], [77n])
  assert.deepEqual([links.length, counted], [1, []])
})

test('a program that was put back is counted, and told on each pod that is intercepted', async (t) => {
  const { pass, health, workloads, links, counted, told } = open(t)
  health.isSynced = true
  workloads.set('a', factsOf('a'))
  workloads.set('b', factsOf('b', { namespace: 'other' }))
  await pass(1000)
  told.length = 0
  links.push([], ['connect4: missing'])
  await pass(2000)
  await pass(1000)
  assert.deepEqual(counted.filter((what) => what === 'repaired link').length, 1)
  assert.deepEqual(told, ['a Normal Intercepted: interception was repaired: connect4: missing'])
})

test('programs that cannot be put back, or a kernel that fails, keep no workload from being looked at', async (t) => {
  const broken = {
    repairLinks: () => {
      throw new Error('EPERM')
    },
    policies: () => {
      throw new Error('EBADF')
    },
  } as unknown as Kernel
  const { pass, health, workloads, stateOf } = open(t, { kernel: broken })
  health.isSynced = true
  workloads.set('a', factsOf('a'))
  await pass(1000)
  workloads.set('b', factsOf('b'))
  await pass(1000)
  assert.deepEqual([stateOf('a'), stateOf('b')], ['intercepted', 'intercepted'])
})

test('at the end there are no more passes, and the source is closed', async (t) => {
  const { pass, passes, health, workloads, stateOf, closed } = open(t)
  await passes.close()
  assert.equal(closed(), 1)
  health.isSynced = true
  workloads.set('a', factsOf('a'))
  await pass(5000)
  assert.equal(stateOf('a'), undefined)
})
