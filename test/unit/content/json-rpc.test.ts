import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyFits } from '../../support/asked.ts'

const call = (method: string, params?: unknown): object => ({ jsonrpc: '2.0', id: 1, method, params })

test('a call is matched by its method, equal or as a pattern', () => {
  assert.ok(bodyFits({ type: 'JSON_RPC', method: 'tools/list' }, JSON.stringify(call('tools/list'))))
  assert.ok(bodyFits({ type: 'JSON_RPC', method: 'tools/.*' }, JSON.stringify(call('tools/call'))))
  assert.ok(!bodyFits({ type: 'JSON_RPC', method: 'tools/list' }, JSON.stringify(call('Tools/List'))))
})

test('parameters are judged by a schema, and one call of a batch is enough', () => {
  const asked = { type: 'JSON_RPC', method: 'add', paramsSchema: { type: 'array', minItems: 2 } }
  assert.ok(bodyFits(asked, JSON.stringify([call('other'), call('add', [1, 2])])))
  assert.ok(!bodyFits(asked, JSON.stringify([call('add', [1]), call('other', [1, 2])])))
  assert.ok(!bodyFits(asked, JSON.stringify(call('add'))))
})

test('anything else is no call', () => {
  for (const body of ['', '1', '[]', 'null', '{"method":"add"}', '{"jsonrpc":"1.0","method":"add"}']) {
    assert.ok(!bodyFits({ type: 'JSON_RPC', method: 'add' }, body), body)
  }
})
