import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { projectPod } from '../../../../src/workloads/kubernetes/project-pod.ts'
import type { WorkloadFacts } from '../../../../src/workloads/source.ts'

const UID = '0f5a1c7e-2b3d-4e5f-8a9b-0c1d2e3f4a5b'
const ID = 'ab'.repeat(32)

const pod = (metadata: object = {}, status: object = {}, spec: object = {}): object => ({
  metadata: { uid: UID, name: 'orders-1', namespace: 'shop', ...metadata },
  spec,
  status,
})

const factsOf = (object: unknown): WorkloadFacts => {
  const projected = projectPod(object)
  assert.equal(projected.kind, 'kept')
  return projected.value
}
const refusalOf = (object: unknown): string => {
  const projected = projectPod(object)
  assert.equal(projected.kind, 'refused')
  return projected.why
}

describe('what is kept of a pod', () => {
  test('is its facts', () => {
    const facts = factsOf(
      pod(
        {
          labels: { app: 'orders', 'app.kubernetes.io/name': 'orders' },
          annotations: { 'understudy.dev/intercept': 'true', 'other.dev/intercept': 'no' },
          creationTimestamp: '2026-01-02T03:04:05Z',
        },
        {
          phase: 'Running',
          podIP: '10.1.0.7',
          podIPs: [{ ip: '10.1.0.7' }, { ip: 'fd00::7' }],
          containerStatuses: [{ containerID: `containerd://${ID}`, state: { running: {} } }],
        },
      ),
    )
    assert.deepEqual(facts, {
      uid: UID,
      namespace: 'shop',
      name: 'orders-1',
      labels: { app: 'orders', 'app.kubernetes.io/name': 'orders' },
      annotations: { intercept: 'true' },
      refusedAnnotations: [],
      ips: ['10.1.0.7', 'fd00::7'],
      isHostNetwork: false,
      hasEnded: false,
      cgroupUid: UID,
      containerIds: [ID],
      createdAtMs: Date.parse('2026-01-02T03:04:05Z'),
    })
  })

  test('of a static pod has the hash that its cgroup is named after', () => {
    const hash = '8f14e45fceea167a5a36dedd4bea2543'
    assert.equal(factsOf(pod({ annotations: { 'kubernetes.io/config.mirror': hash } })).cgroupUid, hash)
  })

  test('leaves out annotations that are too long, too many or no annotations, and names them', () => {
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`understudy.dev/k${index}`, 'v']))
    const facts = factsOf(
      pod({
        annotations: {
          'understudy.dev/long': 'x'.repeat(4097),
          'understudy.dev/a/b': '',
          'understudy.dev/': '',
          ...many,
        },
      }),
    )
    assert.equal(Object.keys(facts.annotations).length, 64)
    assert.deepEqual(facts.refusedAnnotations, ['long', 'a/b', '', 'k64', 'k65', 'k66', 'k67', 'k68', 'k69'])
  })

  test('has no address that is none, and no v4-mapped one', () => {
    const ips = [
      '10.0.0.1',
      '::ffff:10.0.0.1',
      '::ffff:a00:1',
      '0:0:0:0:0:FFFF:a00:1',
      'fe80::1%eth0',
      '1.2.3',
      '',
      7,
      null,
      'fd00::2',
    ]
    assert.deepEqual(factsOf(pod({}, { podIP: 'x', podIPs: ips.map((ip) => ({ ip })) })).ips, ['10.0.0.1', 'fd00::2'])
  })

  test('has no container id but digits', () => {
    const ids = [`cri-o://${ID}`, ID, 'containerd://../../etc', 'containerd://', '', 5, 'x'.repeat(10_000)]
    const statuses = ids.map((containerID) => ({ containerID }))
    assert.deepEqual(factsOf(pod({}, { initContainerStatuses: statuses })).containerIds, [ID, ID])
  })

  test('says that a pod has ended: by its phase, or as it is deleted and nothing runs', () => {
    const running = [{ state: { running: {} } }, { state: { terminated: {} } }]
    const stopped = [{ state: { terminated: {} } }]
    const deletionTimestamp = '2026-01-02T03:04:05Z'
    assert.equal(factsOf(pod({}, { phase: 'Succeeded' })).hasEnded, true)
    assert.equal(factsOf(pod({}, { phase: 'Failed', containerStatuses: running })).hasEnded, true)
    assert.equal(factsOf(pod({ deletionTimestamp }, { containerStatuses: running })).hasEnded, false)
    assert.equal(factsOf(pod({ deletionTimestamp }, { containerStatuses: stopped })).hasEnded, true)
    assert.equal(factsOf(pod({ deletionTimestamp })).hasEnded, true)
    assert.equal(factsOf(pod({}, { containerStatuses: stopped })).hasEnded, false)
  })

  test('says that it shares the network of the node', () => {
    assert.equal(factsOf(pod({}, {}, { hostNetwork: true })).isHostNetwork, true)
    assert.equal(factsOf(pod({}, {}, { hostNetwork: 'true' })).isHostNetwork, false)
  })

  test('has labels that are labels', () => {
    const labels = JSON.parse('{"app":"a","__proto__":"x","b":7,"c d":"x","e":""}')
    assert.deepEqual(factsOf(pod({ labels: { ...labels, long: 'x'.repeat(64), ['k'.repeat(64)]: '' } })).labels, {
      app: 'a',
      e: '',
    })
  })
})

describe('a pod that is refused', () => {
  for (const uid of [
    '../../x',
    '..',
    '-a',
    '',
    'x'.repeat(10_240),
    'a'.repeat(65),
    'a/b',
    'a_b',
    7,
    null,
    undefined,
    {},
  ]) {
    test(`has the UID ${String(uid).slice(0, 20)}`, () => assert.equal(refusalOf(pod({ uid })), 'bad_uid'))
  }
  test('has a name or a namespace that is none', () => {
    for (const name of ['', '../x', 'A', 'a'.repeat(254), 5, 'a b']) assert.equal(refusalOf(pod({ name })), 'bad_name')
    for (const namespace of ['', '..', 'a.b', 'a'.repeat(64), undefined])
      assert.equal(refusalOf(pod({ namespace })), 'bad_namespace')
  })
  test('names a mirror that is none', () => {
    for (const mirror of ['../../x', '', 7, 'x'.repeat(100)])
      assert.equal(refusalOf(pod({ annotations: { 'kubernetes.io/config.mirror': mirror } })), 'bad_mirror')
  })
  test('is no object', () => {
    for (const object of [undefined, null, 5, 'pod', [], {}, { metadata: null }])
      assert.equal(refusalOf(object), 'no_object')
  })
  test('is known by its UID where that is good', () => {
    assert.deepEqual(projectPod(pod({ name: 5 })), { kind: 'refused', why: 'bad_name', key: UID })
  })
})
