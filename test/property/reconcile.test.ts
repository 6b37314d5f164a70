import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { factsOf, openDesk } from '../support/agent-desk.ts'
import { settle } from '../support/quick-clock.ts'

const UIDS = ['a', 'b', 'c'] as const
const uid = fc.constantFrom(...UIDS)
const annotations = fc.constantFrom<Record<string, string>>(
  { intercept: 'true' },
  { intercept: 'true', mode: 'observe' },
  { intercept: 'true', 'exclude-outbound-ports': '5432' },
  { intercept: 'false' },
  { intercept: 'perhaps' },
  {},
)
/** What may happen on a node, in any order; each is looked at or not before the next. */
const happening = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      ...{ kind: fc.constant('set'), uid, annotations },
      namespace: fc.constantFrom('shop', 'shop', 'shop', 'other'),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('remove', 'replaceNetns', 'hide', 'refuse', 'show', 'breakListener', 'breakPolicy', 'look'),
      uid,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('enrolFails', 'enrolWorks', 'proofFails', 'proofPasses', 'pass', 'lookAtAll'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('elder', 'owner', 'owner') }) },
)

test('whatever happened, once all is well again each that asks has one enrolment, and all others have ended once', async (t) => {
  const run = async (happenings: readonly (typeof happening extends fc.Arbitrary<infer T> ? T : never)[]) => {
    t.mock.timers.reset()
    const { set, workloads, places, replaceNetns, reconcile, made, desk, pass, ends } = openDesk(t)
    const steps: Readonly<Record<string, (uid: string) => unknown>> = {
      remove: (id) => workloads.delete(id),
      replaceNetns,
      hide: (id) => places.set(id, { kind: 'waiting', why: 'hidden' }),
      refuse: (id) => places.set(id, { kind: 'refused', why: 'refused' }),
      show: (id) => places.delete(id),
      breakListener: (id) => made.findLast((one) => one.uid === id)?.broken.push('listener'),
      breakPolicy: (id) => made.findLast((one) => one.uid === id)?.broken.push('policy'),
      look: reconcile.look,
      enrolFails: () => {
        desk.enrolFails = new Error('full')
      },
      enrolWorks: () => {
        desk.enrolFails = undefined
      },
      proofFails: () => {
        desk.proof = 'silence'
      },
      proofPasses: () => {
        desk.proof = undefined
      },
      pass: () => pass(3000),
      lookAtAll: reconcile.lookAtAll,
      elder: () => {
        desk.isOwner = false
      },
      owner: () => {
        desk.isOwner = true
      },
    }
    for (const one of happenings) {
      if ('annotations' in one) await set(factsOf(one.uid, one))
      else await steps[one.kind]?.('uid' in one ? one.uid : '')
      await settle()
    }
    for (const step of ['enrolWorks', 'proofPasses', 'owner']) steps[step]?.('')
    places.clear()
    for (let time = 0; time < 3; time++) await pass(5000)
    const asking = [...workloads.values()].filter(
      ({ namespace, annotations: { intercept } }) => namespace === 'shop' && intercept === 'true',
    )
    const wanted = asking.map((one) => one.uid).sort()
    const states = [...reconcile.known()].filter(({ state }) => state === 'intercepted').map((one) => one.uid)
    assert.deepEqual(states.sort(), wanted)
    const live = made.filter(({ ended }) => ended === undefined)
    assert.deepEqual(live.map((one) => one.uid).sort(), wanted)
    for (const { uid: id, enrolment } of live) {
      assert.equal(reconcile.get(id)?.enrolment, enrolment)
      assert.equal(reconcile.byCookie(enrolment.netnsCookie)?.uid, id)
    }
    const cookies = new Set(live.map(({ enrolment }) => enrolment.netnsCookie))
    for (const { enrolment } of made) {
      if (!cookies.has(enrolment.netnsCookie)) assert.equal(reconcile.byCookie(enrolment.netnsCookie), undefined)
    }
    for (const [one, times] of ends) assert.equal(times, 1, `${one.uid} was ended ${times} times`)
    await reconcile.close(async () => {})
  }
  await fc.assert(fc.asyncProperty(fc.array(happening, { minLength: 20, maxLength: 40, size: 'max' }), run), {
    numRuns: 150,
  })
})
