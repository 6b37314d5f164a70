import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Allowed, type Judgement, judge } from '../../../src/agent/judge.ts'
import type { WorkloadFacts } from '../../../src/workloads/source.ts'

const facts = (changes: Partial<WorkloadFacts> = {}): WorkloadFacts => ({
  ...{ uid: 'u-1', namespace: 'shop', name: 'web', labels: {}, annotations: { intercept: 'true' } },
  ...{ refusedAnnotations: [], ips: ['10.1.0.7'], isHostNetwork: false, hasEnded: false },
  ...{ cgroupUid: 'u-1', containerIds: [], createdAtMs: 0 },
  ...changes,
})
const allowed = (changes: Partial<Allowed> = {}): Allowed => ({
  ...{ enrolNamespaces: [], enrolNamespaceLabels: {}, agentNamespace: 'understudy', excludePorts: [] },
  ...changes,
})
const LISTED = allowed({ enrolNamespaces: ['shop'] })
const LABELLED = allowed({ enrolNamespaceLabels: { team: 'web', stage: 'test' } })

const whyOf = (judgement: Judgement, kind: 'skipped' | 'waiting'): string => {
  assert.equal(judgement.kind, kind)
  return 'why' in judgement ? judgement.why : ''
}

test('a pod of a namespace that is listed is wanted, with the policy it asks for', () => {
  const judgement = judge(facts({ annotations: { intercept: 'true', mode: 'forward' } }), undefined, LISTED)
  assert.ok(judgement.kind === 'wanted')
  assert.equal(judgement.policy.mode, 'forward')
  assert.deepEqual(judgement.warnings, [])
})

test('a star allows every namespace, labels or not', () => {
  assert.equal(judge(facts(), undefined, allowed({ enrolNamespaces: ['*'] })).kind, 'wanted')
})

test('where no namespace is allowed a pod that asks is told the setting', () => {
  const why = whyOf(judge(facts(), {}, allowed()), 'skipped')
  assert.equal(why, 'the namespace shop does not allow it: the setting enrolNamespaces of the agent')
})

test('a namespace is allowed by its labels only if it has all of them', () => {
  assert.equal(judge(facts(), { team: 'web', stage: 'test', more: 'x' }, LABELLED).kind, 'wanted')
  for (const labels of [{}, { team: 'web' }, { team: 'web', stage: 'production' }, { team: '', stage: 'test' }]) {
    const why = whyOf(judge(facts(), labels, LABELLED), 'skipped')
    assert.match(why, /`kubectl label namespace shop team=web stage=test` allows it/)
  }
})

test('words that every object has are no labels', () => {
  const wanted = allowed({ enrolNamespaceLabels: { constructor: 'x', toString: 'y' } })
  assert.equal(judge(facts(), {}, wanted).kind, 'skipped')
})

test('a namespace goes by its name as a label, even where the API leaves that out', () => {
  const byName = allowed({ enrolNamespaceLabels: { 'kubernetes.io/metadata.name': 'shop' } })
  assert.equal(judge(facts(), {}, byName).kind, 'wanted')
  assert.equal(judge(facts({ namespace: 'other' }), {}, byName).kind, 'skipped')
})

test('while the labels are not known the pod waits, but not where the list allows it', () => {
  assert.match(whyOf(judge(facts(), undefined, LABELLED), 'waiting'), /labels of the namespace shop are not known yet/)
  assert.equal(judge(facts(), undefined, { ...LABELLED, enrolNamespaces: ['shop'] }).kind, 'wanted')
})

test('namespaces that keep the node going are never intercepted, nor is our own, whatever is allowed', () => {
  for (const namespace of ['kube-system', 'kube-node-lease', 'kube-public']) {
    const all = allowed({ enrolNamespaces: ['*', namespace] })
    assert.match(whyOf(judge(facts({ namespace }), {}, all), 'skipped'), /are never intercepted/)
  }
  const own = judge(facts({ namespace: 'understudy' }), {}, allowed({ enrolNamespaces: ['*'] }))
  assert.match(whyOf(own, 'skipped'), /own namespace is never intercepted/)
})

test('a pod that does not ask is nobody’s business, wherever it is', () => {
  for (const namespace of ['shop', 'kube-system', 'understudy', 'elsewhere']) {
    assert.equal(judge(facts({ namespace, annotations: {} }), undefined, LABELLED).kind, 'unasked', namespace)
    const optedOut = facts({ namespace, annotations: { intercept: 'false' } })
    assert.equal(judge(optedOut, undefined, LABELLED).kind, 'unasked', namespace)
  }
})

test('a pod of the node’s network that asks is told why not, and one that does not is not', () => {
  assert.match(whyOf(judge(facts({ isHostNetwork: true }), {}, LISTED), 'skipped'), /hostNetwork: true/)
  assert.equal(judge(facts({ isHostNetwork: true, annotations: {} }), {}, LISTED).kind, 'unasked')
})

test('a pod that has ended asks for nothing any more', () => {
  assert.equal(judge(facts({ hasEnded: true }), {}, LISTED).kind, 'unasked')
  const bad = facts({ hasEnded: true, annotations: { intercept: 'perhaps' } })
  assert.equal(judge(bad, {}, LISTED).kind, 'unasked')
})

test('a value that cannot be understood is told, all of them together', () => {
  const annotations = { intercept: 'true', mode: 'mook', fail: 'ajar' }
  const why = whyOf(judge(facts({ annotations }), {}, LISTED), 'skipped')
  assert.match(why, /understudy\.dev\/mode: /)
  assert.match(why, /understudy\.dev\/fail: /)
  assert.match(whyOf(judge(facts({ annotations: { intercept: 'yess' } }), {}, LISTED), 'skipped'), /dev\/intercept: /)
})

test('in a namespace that does not allow it, that is what is told, not its values', () => {
  const annotations = { intercept: 'true', mode: 'mook' }
  assert.match(whyOf(judge(facts({ annotations }), {}, allowed()), 'skipped'), /does not allow it/)
})

test('an annotation that was too long to be kept counts as asked for', () => {
  const why = whyOf(judge(facts({ annotations: {}, refusedAnnotations: ['intercept'] }), {}, LISTED), 'skipped')
  assert.match(why, /intercept: its value is too long/)
})

test('a key that nobody knows is a warning, and the pod is wanted all the same', () => {
  const judgement = judge(facts({ annotations: { intercept: 'true', modee: 'mock' } }), {}, LISTED)
  assert.equal(judgement.kind, 'wanted')
  assert.deepEqual(judgement.warnings, ['understudy.dev/modee: unknown key; did you mean understudy.dev/mode?'])
  const alone = judge(facts({ annotations: { modee: 'mock' } }), {}, LISTED)
  assert.equal(alone.kind, 'unasked')
  assert.equal(alone.warnings.length, 1)
})

test('ports that the settings leave alone take room, and too many together are told', () => {
  const excludePorts = Array.from({ length: 8 }, (_, index) => ({ from: 1000 + index * 10, to: 1000 + index * 10 }))
  const annotations = { intercept: 'true', 'exclude-outbound-ports': '1,3,5,7,9,11,13,15,17,19' }
  const full = judge(facts({ annotations }), {}, { ...LISTED, excludePorts })
  assert.match(whyOf(full, 'skipped'), /exclude-outbound-ports: /)
})

const KEYS = ['intercept', 'mode', 'fail', 'ports', 'inbound-ports', 'exclude-outbound-ports', 'dns', 'until']
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('true', 'false', '1-65535', '0', '-1', '[]', '{}', '__proto__', '2099-01-01T00:00:00Z', '1e9h', ''),
  fc.nat({ max: 300_000 }).map((length) => '9,'.repeat(Math.min(length, 2000))),
)
const junk = fc.record({
  annotations: fc.dictionary(fc.oneof(fc.constantFrom(...KEYS, '__proto__', 'constructor'), text), text),
  refusedAnnotations: fc.array(fc.oneof(fc.constantFrom(...KEYS), text)),
  namespace: text,
  name: text,
  isHostNetwork: fc.boolean(),
  hasEnded: fc.boolean(),
})

test('whatever a pod says of itself, it is judged: nothing is thrown, and what is told is bounded', () => {
  const labels = fc.option(fc.dictionary(text, text), { nil: undefined })
  fc.assert(
    fc.property(junk, labels, fc.boolean(), (said, given, isListed) => {
      const judgement = judge(facts(said), given, isListed ? allowed({ enrolNamespaces: ['*'] }) : LABELLED)
      assert.ok(['wanted', 'unasked', 'skipped', 'waiting'].includes(judgement.kind))
      assert.ok(judgement.warnings.length <= 40)
      if (judgement.kind === 'wanted') assert.ok(!said.hasEnded && !said.isHostNetwork && judgement.policy.intercept)
      if ('why' in judgement) assert.notEqual(judgement.why, '')
    }),
    { numRuns: 300 },
  )
})
