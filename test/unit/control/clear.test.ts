import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controlDocuments } from '../../../src/config/control-schema.ts'
import { createCallTally } from '../../../src/control/call-tally.ts'
import { clear, reset } from '../../../src/control/clear.ts'
import { createEventLog } from '../../../src/control/event-log.ts'
import type { Call, Context, Registry } from '../../../src/control/ports.ts'
import { createWaiting } from '../../../src/control/waiting.ts'
import { compileExpectation } from '../../../src/decide/matching/expectation.ts'
import { createExpectationStore } from '../../../src/decide/matching/store.ts'

const expectation = (id: string, path: string) => {
  const read = controlDocuments.expectation({ id, httpRequest: { path }, httpResponse: {} })
  assert.ok('value' in read && read.value[0])
  return compileExpectation(read.value[0], id)
}

const scene = () => {
  const told: unknown[] = []
  const registry: Registry = {
    reset: () => told.push('reset'),
    cleared: (ids) => told.push(ids === 'all' ? ids : [...ids]),
  }
  const log = createEventLog({ limitBytes: 1e6, bodyBytes: 1000, onEvicted: () => undefined })
  const context: Context = {
    log,
    store: createExpectationStore([expectation('a', '/a'), expectation('b', '/b')]),
    tally: createCallTally(),
    inflate: (sent) => sent,
    bodyMatchBytes: 1000,
    documents: controlDocuments,
    server: { host: '', listening: () => [], bind: async (port) => port, stop: () => undefined },
    settings: { current: () => ({}), sourceOf: () => 'default', change: () => ({ value: undefined }) },
    limits: { version: '5.15.0', maxExpectations: 10, bodyLimit: 1000, livenessPath: '' },
    registries: [registry, registry],
    metrics: undefined,
    apiDocument: () => '',
    waiting: createWaiting({ log, nowMs: () => 0, after: () => () => undefined, onTooMany: () => undefined }),
    nowMs: () => 0,
    namesOf: () => [],
    sender: undefined,
    admit: (specs) => ({ value: specs }),
    shown: (live) => live,
  }
  return { context, told }
}

const call = (body: unknown, query = ''): Call => ({
  query: new URLSearchParams(query),
  body: Buffer.from(body === undefined ? '' : JSON.stringify(body)),
  nowMs: 0,
  onGone: () => undefined,
})

test('every registry is told which expectations have gone', async () => {
  const { context, told } = scene()
  await clear(call({ path: '/a' }), context)
  assert.deepEqual(told, [['a'], ['a']])
  await clear(call(undefined), context)
  assert.deepEqual(told.slice(2), ['all', 'all'])
})

test('they are not told when the log alone is cleared', async () => {
  const { context, told } = scene()
  await clear(call(undefined, 'type=log'), context)
  assert.deepEqual(told, [])
})

test('they are told of a reset', async () => {
  const { context, told } = scene()
  await reset(call(undefined), context)
  assert.deepEqual([told, context.store.size], [['reset', 'reset'], 0])
})
