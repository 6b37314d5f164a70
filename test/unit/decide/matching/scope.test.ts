import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ScopeDocument } from '../../../../src/config/scope-schema.ts'
import { isInScope, type Origin } from '../../../../src/decide/matching/scope.ts'
import type { Flow } from '../../../../src/flow.ts'

const destination = { address: '10.1.2.3', port: 5432 }
const flow: Flow = {
  cookie: 1n,
  workload: { id: 1, name: 'web', namespace: 'shop', labels: { app: 'web', tier: 'front' } },
  direction: 'outbound',
  client: { address: '10.0.0.1', port: 40000 },
  local: { address: '127.0.0.1', port: 15001 },
  fd: -1,
  saved: {
    destination,
    process: { pid: 7, name: 'python3' },
    clientCookie: 2n,
    connectedAtNs: 0n,
    sourceBound: false,
    via: 'map',
  },
}
const origin: Origin = {
  flow,
  resolution: { destination, resolvedBy: 'ebpf', trail: [] },
  namesOf: (_, address) => (address === '10.1.2.3' ? ['db.internal'] : []),
}
const holds = (scope: unknown, of: Origin | undefined = origin): boolean => isInScope(ScopeDocument.parse(scope), of)

const IN: readonly unknown[] = [
  {},
  { namespace: 'shop' },
  { namespace: ['pay', 'shop'] },
  { podSelector: { app: 'web' } },
  {
    podSelector: {
      matchLabels: { app: 'web' },
      matchExpressions: [{ key: 'tier', operator: 'In', values: ['front'] }],
    },
  },
  {
    podSelector: {
      matchExpressions: [
        { key: 'canary', operator: 'DoesNotExist' },
        { key: 'app', operator: 'Exists' },
      ],
    },
  },
  { podSelector: { matchExpressions: [{ key: 'canary', operator: 'NotIn', values: ['true'] }] } },
  { direction: 'outbound' },
  { process: 'python.*' },
  { destination: { address: '10.0.0.0/8', port: 5432, name: 'db\\.internal' } },
  { destination: { address: ['192.0.2.1', '10.1.2.3'], port: ['80', '5000-6000'] } },
  { destination: { name: '10.1.2.3' } },
]
for (const scope of IN) test(`${JSON.stringify(scope)} is about the flow`, () => assert.equal(holds(scope), true))

const OUT: readonly unknown[] = [
  { namespace: 'pay' },
  { podSelector: { app: 'worker' } },
  { podSelector: { app: 'web', canary: 'true' } },
  { podSelector: { constructor: 'x' } },
  { podSelector: { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] } },
  { direction: 'inbound' },
  { process: 'java' },
  { destination: { address: '10.2.0.0/16' } },
  { destination: { port: '1-1024' } },
  { destination: { name: 'other.internal' } },
  { namespace: 'shop', direction: 'direct' },
]
for (const scope of OUT) test(`${JSON.stringify(scope)} is not about the flow`, () => assert.equal(holds(scope), false))

test('a flow of which nothing is known is in no scope', () => {
  assert.equal(isInScope(ScopeDocument.parse({}), undefined), false)
  const { namespace: _, labels: __, ...workload } = flow.workload
  const { saved: ___, ...rest } = flow
  const bare = { ...origin, flow: { ...rest, workload }, resolution: { trail: [] } }
  for (const scope of [{ namespace: 'shop' }, { podSelector: { app: 'web' } }, { process: '.*' }, { destination: {} }])
    assert.equal(holds(scope, bare), false)
})

test('the kernel says where a flow was going, whatever the client names', () => {
  const named = { ...origin, resolution: { ...origin.resolution, destination: { address: '10.1.2.3', port: 5432 } } }
  const lying = { ...named, flow: { ...flow, named: { address: 'other.internal', port: 80 } } }
  assert.equal(holds({ destination: { name: 'other.internal' } }, lying), false)
})

const WRONG: readonly (readonly [what: string, scope: unknown])[] = [
  ['a namespace with a capital', { namespace: 'Shop' }],
  ['no namespace at all', { namespace: [] }],
  [
    'an operator that does not exist',
    { podSelector: { matchExpressions: [{ key: 'a', operator: 'Is', values: ['b'] }] } },
  ],
  [
    'values that nobody compares',
    { podSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } },
  ],
  ['a network that is none', { destination: { address: '10.0.0.0/33' } }],
  ['a port that is none', { destination: { port: 70000 } }],
  ['a pattern that could run for hours', { process: '(a+)+' }],
  ['an unknown key', { pod: 'x' }],
]
for (const [what, scope] of WRONG)
  test(`${what} is refused`, () => assert.equal(ScopeDocument.safeParse(scope).success, false))
