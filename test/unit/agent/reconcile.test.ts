import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnderstudyError } from '../../../src/errors.ts'
import { factsOf, openDesk } from '../../support/agent-desk.ts'
import { settle } from '../../support/quick-clock.ts'

const annotated = (uid: string, annotations: Record<string, string>) =>
  factsOf(uid, { annotations: { intercept: 'true', ...annotations } })
const INTERCEPTED = /^a Normal Intercepted: connections of this pod go through the agent: mode mock/

test('a workload that asks is enrolled once, tried once, and told once', async (t) => {
  const { set, reconcile, made, told, counted, desk, stateOf } = openDesk(t)
  await set(factsOf('a'))
  await reconcile.lookAtAll()
  await reconcile.lookAtAll()
  assert.equal(stateOf('a'), 'intercepted')
  assert.equal(made.length, 1)
  assert.deepEqual(counted, ['enrolled'])
  assert.equal(told.length, 1)
  assert.match(told[0] ?? '', INTERCEPTED)
  assert.equal(desk.proofs, 1)
  assert.equal(reconcile.byCookie(made[0]?.enrolment.netnsCookie ?? 0n), reconcile.get('a'))
})

test('a workload that does not ask is not known, and one that may not is told why, once', async (t) => {
  const { set, reconcile, made, told, stateOf } = openDesk(t)
  await set(factsOf('plain', { annotations: {} }), factsOf('elsewhere', { namespace: 'other' }))
  await reconcile.lookAtAll()
  assert.equal(stateOf('plain'), undefined)
  assert.equal(stateOf('elsewhere'), 'skipped')
  assert.equal(made.length, 0)
  assert.equal(told.length, 1)
  assert.match(told[0] ?? '', /^elsewhere Warning InterceptionSkipped: the namespace other does not allow it/)
})

test('a workload that opts out is let go with its connections, and not known any more', async (t) => {
  const { set, reconcile, made, newlyTold, stateOf } = openDesk(t)
  await set(factsOf('a'))
  newlyTold()
  await set(annotated('a', { intercept: 'false' }))
  assert.equal(made[0]?.ended, 'opt_out')
  assert.equal(stateOf('a'), undefined)
  assert.equal(reconcile.byCookie(made[0]?.enrolment.netnsCookie ?? 0n), undefined)
  assert.deepEqual(newlyTold(), ['a Normal InterceptionStopped: it does not ask to be intercepted any more'])
  await set(factsOf('a'))
  assert.equal(made.length, 2, 'it may ask again')
})

for (const how of ['gone', 'ended'] as const) {
  test(`of a workload that is ${how} nothing is left, and nothing told`, async (t) => {
    const { set, workloads, reconcile, made, gone, newlyTold } = openDesk(t)
    await set(factsOf('a'), factsOf('b'))
    newlyTold()
    if (how === 'gone') workloads.delete('a')
    else workloads.set('a', factsOf('a', { hasEnded: true }))
    await reconcile.lookAtAll()
    assert.deepEqual(
      made.map(({ ended }) => ended),
      ['gone', undefined],
    )
    assert.deepEqual(
      [...reconcile.known()].map(({ uid }) => uid),
      ['b'],
    )
    assert.deepEqual(gone, ['a'])
    assert.deepEqual(newlyTold(), [])
  })
}

test('what needs other listeners or another policy is begun anew, the new before the old ends', async (t) => {
  const { set, made, counted, told, reconcile } = openDesk(t)
  await set(factsOf('a'))
  await set(annotated('a', { 'exclude-outbound-ports': '5432' }))
  assert.equal(made.length, 2)
  assert.deepEqual(
    made.map(({ ended }) => ended),
    ['handed_over', undefined],
  )
  assert.equal(reconcile.byCookie(made[0]?.enrolment.netnsCookie ?? 0n)?.enrolment, made[1]?.enrolment)
  assert.deepEqual(counted, ['enrolled', 'repaired annotation', 'enrolled'])
  assert.match(told.at(-1) ?? '', /interception was begun anew/)
})

test('a mode or labels are changed in place', async (t) => {
  const { set, made, newlyTold } = openDesk(t)
  await set(factsOf('a'))
  newlyTold()
  await set({ ...annotated('a', { mode: 'observe' }), labels: { app: 'b' } })
  assert.equal(made.length, 1)
  assert.equal(made[0]?.described, 1)
  assert.deepEqual(newlyTold(), [])
})

test('in another network namespace it is begun anew, and the old one was the old pod’s', async (t) => {
  const { set, replaceNetns, reconcile, made, counted, stateOf } = openDesk(t)
  await set(factsOf('a'))
  replaceNetns('a')
  await reconcile.lookAtAll()
  assert.deepEqual(
    made.map(({ ended }) => ended),
    ['gone', undefined],
  )
  assert.notEqual(made[0]?.enrolment.netnsCookie, made[1]?.enrolment.netnsCookie)
  assert.equal(reconcile.byCookie(made[0]?.enrolment.netnsCookie ?? 0n), undefined)
  assert.deepEqual(counted, ['enrolled', 'repaired netns', 'enrolled'])
  assert.equal(stateOf('a'), 'intercepted')
})

test('between two sandboxes, without a process, it stays as it is', async (t) => {
  const { set, removeNetns, places, reconcile, made, stateOf } = openDesk(t)
  await set(factsOf('a'))
  removeNetns('a')
  places.set('a', { kind: 'waiting', why: 'it has no running process' })
  await reconcile.lookAtAll()
  assert.equal(made.length, 1)
  assert.equal(made[0]?.ended, undefined)
  assert.equal(stateOf('a'), 'intercepted')
})

test('one that cannot be found yet waits and is found at a retry', async (t) => {
  const { set, places, pass, made, told, stateOf } = openDesk(t)
  places.set('a', { kind: 'waiting', why: 'no cgroup' })
  await set(factsOf('a'))
  assert.equal(stateOf('a'), 'waiting')
  assert.deepEqual([made.length, told.length], [0, 0])
  places.clear()
  await pass(1000)
  assert.equal(stateOf('a'), 'intercepted')
})

test('one whose namespace is the node’s is refused, told once, and let go if it was intercepted', async (t) => {
  const { set, places, replaceNetns, reconcile, made, newlyTold, stateOf } = openDesk(t)
  await set(factsOf('a'))
  newlyTold()
  replaceNetns('a')
  places.set('a', { kind: 'refused', why: "its processes are in the node's own network namespace" })
  await reconcile.lookAtAll()
  await reconcile.lookAtAll()
  assert.equal(stateOf('a'), 'skipped')
  assert.equal(made[0]?.ended, 'gone')
  assert.equal(newlyTold().filter((line) => line.includes('InterceptionSkipped')).length, 1)
})

test('the time of `until` ends it by itself, and another `until` begins it again', async (t) => {
  const { set, pass, reconcile, made, newlyTold, stateOf } = openDesk(t, { firstSeen: () => 1_000_000_000_000 })
  await set(annotated('a', { until: '10m' }))
  await pass(599_000)
  assert.equal(stateOf('a'), 'intercepted')
  newlyTold()
  await pass(1000)
  assert.equal(stateOf('a'), 'stopped')
  assert.equal(made[0]?.ended, 'opt_out')
  assert.deepEqual(newlyTold(), ['a Normal InterceptionStopped: the time of its annotation `until` is over'])
  await reconcile.lookAtAll()
  assert.deepEqual(newlyTold(), [])
  await set(annotated('a', { until: '20m' }))
  assert.equal(stateOf('a'), 'intercepted')
})

test('an agent that is not in charge begins and tells nothing, and lets go of what is gone', async (t) => {
  const { set, workloads, reconcile, made, gone, newlyTold, desk } = openDesk(t)
  await set(factsOf('a'), factsOf('b'))
  newlyTold()
  desk.isOwner = false
  await set(annotated('a', { intercept: 'false' }), factsOf('c'))
  assert.equal(made.length, 2)
  assert.equal(made[0]?.ended, undefined)
  assert.deepEqual(newlyTold(), [])
  workloads.delete('b')
  await reconcile.lookAtAll()
  assert.equal(made[1]?.ended, 'gone')
  assert.deepEqual(gone, ['b'])
})

test('a failure is told with its remedy, once, tried again, and harms no other', async (t) => {
  const { set, pass, desk, made, newlyTold, stateOf } = openDesk(t)
  await set(factsOf('b'))
  newlyTold()
  desk.enrolFails = new UnderstudyError('MAP_FULL', 'the map is full', { remedy: 'Raise it.' })
  await set(factsOf('a'))
  assert.deepEqual([stateOf('a'), stateOf('b')], ['failed', 'intercepted'])
  await pass(1000)
  await pass(1000)
  assert.deepEqual(newlyTold(), ['a Warning InterceptionFailed: the map is full. Raise it.'])
  desk.enrolFails = undefined
  await pass(5000)
  assert.equal(stateOf('a'), 'intercepted')
  assert.equal(made.length, 2)
  assert.match(newlyTold()[0] ?? '', INTERCEPTED)
})

test('what is thrown that is no error of ours, or no error, is a failure as well', async (t) => {
  const { set, desk, reconcile } = openDesk(t)
  desk.enrolFails = 'a string' as unknown as Error
  await set(factsOf('a'))
  assert.deepEqual([reconcile.get('a')?.state, reconcile.get('a')?.why], ['failed', 'a string'])
})

test('a self-test that fails is told once, and so is that it passes again', async (t) => {
  const { set, pass, desk, made, newlyTold, stateOf, reconcile } = openDesk(t)
  desk.proof = 'nobody answered in time'
  await set(factsOf('a'))
  await pass(1000)
  assert.equal(stateOf('a'), 'failed')
  assert.equal(made.length, 1)
  assert.equal(made[0]?.ended, undefined, 'whatever gets through is still intercepted')
  const [, ...failures] = newlyTold()
  assert.deepEqual(failures, [
    'a Warning InterceptionFailed: the test from inside of it failed: nobody answered in time',
  ])
  desk.proof = undefined
  await pass(5000)
  assert.equal(stateOf('a'), 'intercepted')
  await reconcile.lookAtAll()
  assert.deepEqual(newlyTold(), ['a Normal Intercepted: interception works again'])
})

test('self-tests are made as often as the settings say, and only at the start where they say never', async (t) => {
  const often = openDesk(t, { selfTestIntervalMs: 60_000 })
  await often.set(factsOf('a'))
  await often.reconcile.lookAtAll()
  assert.equal(often.desk.proofs, 1)
  await often.pass(60_000)
  assert.equal(often.desk.proofs, 2)
})

test('a policy is put back in place, and for a listener all is begun anew; both are told and counted', async (t) => {
  const { set, reconcile, made, counted, newlyTold, stateOf } = openDesk(t)
  await set(factsOf('a'))
  newlyTold()
  made[0]?.broken.push('policy')
  await reconcile.lookAtAll()
  assert.equal(made.length, 1)
  assert.deepEqual(newlyTold(), ['a Normal Intercepted: interception was repaired: the policy was not as it should be'])
  made[0]?.broken.push('listener')
  await reconcile.lookAtAll()
  assert.equal(made.length, 2)
  assert.equal(made[0]?.ended, 'handed_over')
  assert.deepEqual(counted, ['enrolled', 'repaired policy', 'repaired listener', 'enrolled'])
  assert.equal(stateOf('a'), 'intercepted')
})

test('a warning is told again only where it is another, for workloads that do not ask, too', async (t) => {
  const { set, reconcile, newlyTold, stateOf } = openDesk(t)
  await set(factsOf('a', { annotations: { modee: 'mock' } }))
  await reconcile.lookAtAll()
  assert.equal(newlyTold().length, 1)
  assert.equal(stateOf('a'), undefined)
  await set(factsOf('a', { annotations: { modeee: 'mock' } }))
  assert.equal(newlyTold().length, 1)
  await set(factsOf('a', { annotations: {} }))
  assert.deepEqual(newlyTold(), [])
  await set(factsOf('a', { annotations: { modeee: 'mock' } }))
  assert.equal(newlyTold().length, 1)
})

test('at the end each that is intercepted is ended once, after what is under way, and nothing is begun', async (t) => {
  let letGo = (): void => {}
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const { set, workloads, reconcile, made } = openDesk(t, {
    prove: async ({ workload }) => {
      if (workload.id === 2) await held
      return undefined
    },
  })
  await set(factsOf('a'))
  workloads.set('b', factsOf('b'))
  workloads.set('c', factsOf('c'))
  reconcile.look('b')
  await settle()
  const ended: string[] = []
  const closed = reconcile.close(async ({ workload }) => void ended.push(workload.name))
  reconcile.look('c')
  await settle()
  assert.deepEqual(ended, [])
  letGo()
  await closed
  assert.deepEqual(ended, ['pod-a', 'pod-b'])
  assert.equal(made.length, 2)
})
