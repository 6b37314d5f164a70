import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Exchange } from '../../../src/flow.ts'
import { createFlowFeed } from '../../../src/record/flows.ts'
import { createLog } from '../../../src/record/log.ts'
import { createRecorder } from '../../../src/record/recorder.ts'
import { createSummary } from '../../../src/record/summary.ts'
import { connection, exchange, flow, memoryLog, request, silent, turn } from './samples.ts'

const metrics = { exchange: () => {}, connection: () => {} }

const memoryFile = () => {
  const lines: string[] = []
  return { lines, write: (line: string) => void lines.push(line), flush: async () => {} }
}

/** An exchange that notices when a line is built from it: nothing else asks for the client's address. */
const watched = (): { exchange: Exchange; built: () => boolean } => {
  let built = false
  const watchedFlow = {
    ...flow,
    get client() {
      built = true
      return flow.client
    },
  }
  return { exchange: exchange({ flow: watchedFlow }), built: () => built }
}

test('every exchange and connection is counted', () => {
  const seen: string[] = []
  const counting = { exchange: () => seen.push('exchange'), connection: () => seen.push('connection') }
  const recorder = createRecorder({ log: silent, metrics: counting })
  recorder.exchange(exchange())
  recorder.connection(connection())
  assert.deepEqual(seen, ['exchange', 'connection'])
})

test('no line is built where nobody takes it', () => {
  const { exchange: one, built } = watched()
  const log = createLog({ level: 'warn', destination: memoryLog() })
  createRecorder({ log, metrics, flows: createFlowFeed({ ringLines: 0 }) }).exchange(one)
  assert.equal(built(), false)
})

test('a file, a summary, a reader, a replay or the log each get the line built', () => {
  const read = createFlowFeed({ ringLines: 0 })
  read.subscribe({ write: () => true, end: () => {} })
  const takers = [
    { log: silent, file: memoryFile() },
    { log: silent, summary: createSummary() },
    { log: silent, flows: read },
    { log: silent, flows: createFlowFeed() },
    { log: createLog({ level: 'info', destination: memoryLog() }) },
  ]
  for (const ports of takers) {
    const { exchange: one, built } = watched()
    createRecorder({ ...ports, metrics }).exchange(one)
    assert.ok(built(), Object.keys(ports).join())
  }
})

test('an exchange is one info line with a constant message', () => {
  const memory = memoryLog()
  createRecorder({ log: createLog({ level: 'info', destination: memory }), metrics }).exchange(exchange())
  assert.equal(memory.lines.length, 1)
  const { level, component, msg, startedAt, method, decision, kind } = memory.lines[0] ?? {}
  assert.deepEqual(
    { level, component, msg, startedAt, method, decision, kind },
    {
      level: 'info',
      component: 'record',
      msg: 'exchange',
      startedAt: '2025-01-02T03:04:05.678Z',
      method: 'GET',
      decision: 'mock',
      kind: undefined,
    },
  )
})

test('a connection is a debug line, and none at info', () => {
  for (const [level, expected] of [
    ['debug', ['connection']],
    ['info', []],
  ] as const) {
    const memory = memoryLog()
    createRecorder({ log: createLog({ level, destination: memory }), metrics }).connection(connection())
    assert.deepEqual(
      memory.lines.map((line) => line['msg']),
      expected,
    )
  }
})

test('the file and a reader get the same line', async () => {
  const file = memoryFile()
  const flows = createFlowFeed()
  let streamed = ''
  flows.subscribe({
    write(lines) {
      streamed += lines
      return true
    },
    end: () => {},
  })
  const recorder = createRecorder({ log: silent, metrics, file, flows })
  recorder.exchange(exchange())
  recorder.connection(connection())
  await turn()
  assert.equal(file.lines.length, 2)
  assert.equal(streamed, file.lines.join(''))
})

test('a canary in the request is in no output', async () => {
  const canary = 'canary7f3a'
  const memory = memoryLog()
  const file = memoryFile()
  const summary = createSummary()
  const recorder = createRecorder({ log: createLog({ level: 'trace', destination: memory }), metrics, file, summary })
  const headers = ['Authorization', canary, 'X-Any', canary]
  recorder.exchange(
    exchange({ request: request({ query: `api_key=${canary}`, headers, target: `/?api_key=${canary}` }) }),
  )
  await recorder.flush()
  const outputs = [JSON.stringify(memory.lines), file.lines.join(''), summary.render({ columns: 400 })]
  for (const output of outputs) {
    assert.ok(output.includes('api_key=***'))
    assert.ok(!output.includes(canary))
  }
})

test('an inbound exchange has a message of its own', () => {
  const destination = memoryLog()
  const recorder = createRecorder({ log: createLog({ level: 'info', destination }), metrics })
  recorder.exchange(exchange())
  recorder.exchange(exchange({ flow: { ...flow, direction: 'inbound' } }))
  assert.deepEqual(
    destination.lines.map((record) => record['msg']),
    ['exchange', 'inbound exchange'],
  )
})
