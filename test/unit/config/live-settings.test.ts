import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHANGEABLE, createLiveSettings } from '../../../src/config/live-settings.ts'
import { Config } from '../../../src/config/schema.ts'

const settingsOf = (given: object = {}) => createLiveSettings(Config.parse(given))

test('a change counts at once, and whoever listens is told of it', () => {
  const settings = settingsOf()
  const told: number[] = []
  settings.onChange(({ maxExpectations }) => told.push(maxExpectations))
  assert.deepEqual(settings.change({ maxExpectations: 5, logLevel: 'WARN' }), { value: undefined })
  assert.deepEqual([settings.current().maxExpectations, settings.current().logLevel, told], [5, 'warn', [5]])
})

test('one mistake, and nothing is changed', () => {
  const settings = settingsOf()
  const before = settings.current()
  for (const wrong of [
    { maxExpectations: 5, nope: 1 },
    { maxExpectations: 5, eventLogBytes: 'many' },
    { maxExpectations: 5, listenPort: 1 },
    [],
    null,
    'text',
    JSON.parse('{"__proto__": 1}'),
    { constructor: 1 },
  ]) {
    assert.ok('problems' in settings.change(wrong), JSON.stringify(wrong))
  }
  assert.equal(settings.current(), before)
})

test('a whole document with one change is taken, whatever else is in it', () => {
  const settings = settingsOf({ excludeCidrs: ['10.0.0.0/8'], adminPort: 1 })
  const whole = JSON.parse(JSON.stringify(settings.current()))
  assert.deepEqual(settings.change({ ...whole, onUnmatched: 'refuse' }), { value: undefined })
  assert.equal(settings.current().onUnmatched, 'refuse')
})

test('where a value comes from is known', () => {
  const settings = settingsOf({ maxHeaders: 5 })
  settings.change({ maxExpectations: 5 })
  assert.deepEqual(
    ['maxHeaders', 'maxExpectations', 'logLevel'].map((name) => settings.sourceOf(name)),
    ['start', 'api', 'default'],
  )
})

test('what may change is a setting that is there', () => {
  for (const key of CHANGEABLE) assert.ok(Object.hasOwn(Config.shape, key), key)
})
