import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog, flushLog, setLogLevel } from '../../../src/record/log.ts'
import { memoryLog } from './samples.ts'

test('a line has a time, a level by name, its component and its facts, and nothing about the host', () => {
  const memory = memoryLog()
  createLog({ level: 'info', destination: memory }).child({ component: 'record' }).info({ port: 1 }, 'listening')
  const [{ time, ...line } = {}] = memory.lines
  assert.deepEqual(line, { level: 'info', component: 'record', port: 1, msg: 'listening' })
  assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

test('a level below the wanted one is not written', () => {
  const memory = memoryLog()
  createLog({ level: 'warn', destination: memory }).info('quiet')
  assert.equal(memory.lines.length, 0)
})

test('another level counts for the components too, and for what they make later', () => {
  const memory = memoryLog()
  const log = createLog({ level: 'warn', destination: memory })
  const component = log.child({ component: 'record' })
  setLogLevel(log, 'info')
  component.info('one')
  log.child({ component: 'admin' }).info('two')
  setLogLevel(log, 'silent')
  component.error('three')
  assert.deepEqual(
    memory.lines.map(({ msg }) => msg),
    ['one', 'two'],
  )
})

test('a flush waits for the destination, and for none that has no flush', async () => {
  let asked = false
  const flush = (done: () => void) => {
    asked = true
    setImmediate(done)
  }
  await flushLog(createLog({ level: 'info', destination: { write: () => {}, flush } }))
  assert.ok(asked)
  await flushLog(createLog({ level: 'info', destination: { write: () => {} } }))
})
