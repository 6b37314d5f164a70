import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flowQuery } from '../../../src/record/flow-stream.ts'
import { connectionLine, exchangeLine } from '../../../src/record/line.ts'
import { connection, exchange, flow } from './samples.ts'

const asked = (query: string) => flowQuery(new URLSearchParams(query))
const pod = { id: 7, uid: 'u1', namespace: 'shop', name: 'cart-1' }

test('nothing asked for is all of it, without a replay', () => {
  assert.deepEqual(asked(''), { replay: 0, limit: Number.MAX_SAFE_INTEGER })
})

test('a namespace and a pod are wanted exactly', () => {
  const lines = [
    exchangeLine(exchange({ flow: { ...flow, workload: pod } })),
    connectionLine(connection({ workload: { ...pod, name: 'cart-10' } })),
    connectionLine(connection()),
  ]
  const wanted = (query: string) => lines.map((line) => asked(query)?.wants?.(line))
  assert.deepEqual(wanted('namespace=shop'), [true, true, false])
  assert.deepEqual(wanted('pod=cart-1'), [true, false, false])
  assert.deepEqual(wanted('namespace=other&pod=cart-1'), [false, false, false])
})

for (const query of [
  ...['replay=x', 'replay=-1', 'limit=0', 'limit=1.5', 'other=1', 'pod=', 'namespace=', 'pod=a&pod=b'],
  ...[`namespace=${'a'.repeat(64)}`, `pod=${'a'.repeat(254)}`],
]) {
  test(`"${query.slice(0, 30)}" is refused`, () => assert.equal(asked(query), undefined))
}
