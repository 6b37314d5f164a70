import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadInputs, oneOf, parseFlags, portFlag } from '../../../src/cli/options.ts'
import { UnderstudyError } from '../../../src/errors.ts'

const failure = (work: () => unknown): UnderstudyError => {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof UnderstudyError, String(error))
    return error
  }
  assert.fail('nothing was thrown')
}

const files = (context: TestContext, contents: Readonly<Record<string, string>>) => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-options-'))
  context.after(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(folder, name), text)
  return (name: string): string => join(folder, name)
}

test('an unknown flag is named, and where the known ones are', () => {
  const error = failure(() => parseFlags('run', ['--mock'], { summary: { type: 'boolean' } }))
  assert.equal(error.code, 'BAD_USAGE')
  assert.match(error.message, /--mock/)
  assert.match(error.remedy ?? '', /understudy run --help/)
})

test('a flag can be switched off', () => {
  assert.deepEqual({ ...parseFlags('run', ['--no-summary'], { summary: { type: 'boolean' } }) }, { summary: false })
})

test('a flag without its value is refused', () => {
  assert.equal(failure(() => parseFlags('run', ['--config'], { config: { type: 'string' } })).code, 'BAD_USAGE')
})

test('a word that is none of the allowed ones is refused with them', () => {
  assert.equal(oneOf('run', 'unmatched', 'refuse', ['forward', 'refuse']), 'refuse')
  assert.equal(oneOf('run', 'unmatched', undefined, ['forward', 'refuse']), undefined)
  const error = failure(() => oneOf('run', 'unmatched', 'drop', ['forward', 'refuse']))
  assert.match(error.message, /--unmatched is one of forward, refuse, not "drop"/)
})

test('a port is a number of at most 65535', () => {
  assert.deepEqual([portFlag('serve', undefined, 1080), portFlag('serve', '0', 1080)], [1080, 0])
  for (const wrong of ['65536', '-1', '80a', '', '1e3']) {
    assert.equal(failure(() => portFlag('serve', wrong, 1080)).code, 'BAD_USAGE', wrong)
  }
})

test('problems of settings and of every expectations file come in one error', (context) => {
  const path = files(context, {
    'settings.yaml': 'listenPort: many\n',
    'a.yaml': '- httpResponse:\n    statusCode: 1\n',
    'b.yaml': '- httpRespond: {}\n',
  })
  const values = { config: path('settings.yaml'), expectations: [path('a.yaml'), path('b.yaml')] }
  const error = failure(() => loadInputs('run', values, {}))
  assert.equal(error.code, 'BAD_CONFIG')
  for (const place of ['settings.yaml:1:', 'a.yaml:2:', 'b.yaml:1:']) assert.ok(error.message.includes(place), place)
})

test('flags win over the settings file', (context) => {
  const path = files(context, { 'settings.yaml': 'onUnmatched: forward\nlogLevel: info\n' })
  const values = { config: path('settings.yaml'), unmatched: 'refuse', 'log-level': 'debug' }
  const { config } = loadInputs('run', values, { logLevel: 'warn' })
  assert.deepEqual([config.onUnmatched, config.logLevel], ['refuse', 'debug'])
})

test('expectations of several files are kept in the order given', (context) => {
  const one = (id: string) => `- id: ${id}\n  httpResponse: {}\n`
  const path = files(context, { 'a.yaml': one('first'), 'b.yaml': one('second') })
  const { expectations } = loadInputs('run', { expectations: [path('b.yaml'), path('a.yaml')] }, {})
  assert.deepEqual(
    expectations.map(({ id }) => id),
    ['second', 'first'],
  )
})
