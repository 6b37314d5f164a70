/** Laws of the chain, for any list of strategies. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Answer, Endpoint, Flow } from '../../src/flow.ts'
import { createChain } from '../../src/resolve/chain.ts'
import type { Strategy } from '../../src/resolve/strategy.ts'

const FLOW: Flow = {
  cookie: 1n,
  workload: { id: 1, name: 'test' },
  direction: 'outbound',
  client: { address: '127.0.0.1', port: 1 },
  local: { address: '127.0.0.1', port: 2 },
  fd: -1,
}
const endpoint = fc.record({ address: fc.ipV4(), port: fc.integer({ min: 1, max: 65_535 }) })
const answer: fc.Arbitrary<Answer> = fc.oneof(
  endpoint.map((destination): Answer => ({ kind: 'found', destination })),
  fc.string().map((why): Answer => ({ kind: 'pass', why })),
  fc.constant<Answer>({ kind: 'fault', error: new Error('broken') }),
)
const strategies = fc.array(
  fc
    .record({ answer, needsBytes: fc.boolean() })
    .map(({ answer, needsBytes }): Omit<Strategy, 'name'> => ({ needsBytes, resolve: () => answer })),
  { maxLength: 8 },
)
const isOwn = ({ port }: Endpoint): boolean => port % 3 === 0

const resolve = (list: readonly Omit<Strategy, 'name'>[]) => {
  const named = list.map((strategy, i): Strategy => ({ ...strategy, name: `${i}` }))
  const chain = createChain({ isOwn }, named)
  const order = [...named.filter(({ needsBytes }) => !needsBytes), ...named.filter(({ needsBytes }) => needsBytes)]
  return { order, resolution: chain.late(FLOW, chain.early(FLOW)) }
}

test('the destination is the first found one in order that is not ourselves', () => {
  fc.assert(
    fc.property(strategies, (list) => {
      const { order, resolution } = resolve(list)
      const wanted = order.find((strategy) => {
        const given = strategy.resolve(FLOW, [])
        return given.kind === 'found' && !isOwn(given.destination)
      })
      const given = wanted?.resolve(FLOW, [])
      assert.deepEqual(resolution.destination, given?.kind === 'found' ? given.destination : undefined)
      assert.equal(resolution.resolvedBy, wanted?.name)
    }),
  )
})

test('the trail is everyone asked, in order, and ends with who answered', () => {
  fc.assert(
    fc.property(strategies, (list) => {
      const { order, resolution } = resolve(list)
      const asked = resolution.trail.map(({ strategy }) => strategy)
      assert.deepEqual(
        asked,
        order.slice(0, asked.length).map(({ name }) => name),
      )
      if (resolution.resolvedBy !== undefined) assert.equal(asked.at(-1), resolution.resolvedBy)
      else assert.equal(asked.length, order.length)
    }),
  )
})

test('ourselves is never the destination', () => {
  fc.assert(
    fc.property(strategies, (list) => {
      const { destination } = resolve(list).resolution
      assert.ok(destination === undefined || !isOwn(destination))
    }),
  )
})
