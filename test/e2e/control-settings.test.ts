/** Settings, mode, metrics and the API's own document, over the wire. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startControl, startUpstream } from '../support/control-lab.ts'

test('settings are read, and those that may change are changed', async (t) => {
  const { ask, put } = await startControl(t)
  const before = JSON.parse((await ask('/mockserver/configuration')).body) as Record<string, unknown>
  assert.deepEqual([before['maxExpectations'], before['adminEnabled']], [100_000, false])
  const changed = await put('configuration', { maxExpectations: 1, mockServerVersion: '8.0.0' })
  assert.deepEqual([changed.status, changed.headers['version']], [200, '5.15.0'])
  assert.equal((JSON.parse(changed.body) as Record<string, unknown>)['maxExpectations'], 1)
  assert.equal((await put('status')).headers['version'], '8.0.0')
  assert.equal((await put('expectation', [{ httpResponse: {} }, { httpResponse: {} }])).status, 400)
})

test('a smaller event log drops the oldest at once, and verify says so', async (t) => {
  const { ask, put } = await startControl(t)
  for (let n = 0; n < 200; n++) await ask(`/${n}`)
  assert.equal((await put('configuration', { eventLogBytes: 64 * 1024 })).status, 200)
  assert.match((await put('verify', { httpRequest: { path: '/0' } })).body, /older requests had to leave the log/)
})

test('a document with mistakes changes nothing, and all of them are named', async (t) => {
  const { ask, put } = await startControl(t)
  const { status, body } = await put('configuration', {
    maxExpectations: 0,
    maxExpectation: 5,
    adminPort: 1,
    logLevel: 'error',
    adminEnabled: false,
  })
  assert.equal(status, 400)
  assert.match(body, / 3 errors:\n/)
  assert.match(body, /- \$\.maxExpectations: expected a whole number from 1 to 1000000/)
  assert.match(body, /- \$\.maxExpectation: is not a setting; did you mean maxExpectations\?/)
  assert.match(body, /- \$\.adminPort: can only be set at the start/)
  assert.match((await ask('/mockserver/configuration')).body, /"logLevel" : "silent"/)
  for (const wrong of ['[]', '1', '{']) assert.equal((await put('configuration', wrong)).status, 400)
})

test('where a value comes from is said', async (t) => {
  const { ask, put } = await startControl(t)
  await put('configuration', { logLevel: 'FATAL' })
  const list = JSON.parse((await ask('/mockserver/config')).body) as { name: string; value: string; source: string }[]
  const of = (name: string) => list.find((one) => one.name === name)
  assert.deepEqual(of('logLevel'), { name: 'logLevel', value: 'fatal', source: 'api' })
  assert.deepEqual(of('adminEnabled'), { name: 'adminEnabled', value: 'false', source: 'start' })
  assert.deepEqual(of('maxHeaders'), { name: 'maxHeaders', value: '200', source: 'default' })
})

test('the mode says whether unmatched requests are sent on', async (t) => {
  const { ask, put } = await startControl(t)
  const upstream = await startUpstream(t, 'real')
  const mode = async () => JSON.parse((await ask('/mockserver/mode')).body)
  assert.deepEqual(await mode(), { mode: 'SPY', proxyUnmatchedRequests: true })
  assert.equal((await ask(`${upstream}/x`)).body, 'real')
  assert.equal((await put('mode?mode=simulate')).status, 200)
  assert.deepEqual(await mode(), { mode: 'SIMULATE', proxyUnmatchedRequests: false })
  assert.notEqual((await ask(`${upstream}/x`)).body, 'real')
  assert.deepEqual(JSON.parse((await put('mode?mode=CAPTURE')).body), { mode: 'CAPTURE', proxyUnmatchedRequests: true })
  assert.equal((await ask(`${upstream}/x`)).body, 'real')
  assert.equal((await put('mode?mode=BAD')).body, "unknown mode 'BAD' (expected one of SIMULATE, SPY, CAPTURE)")
  assert.equal((await put('mode')).body, 'mode is required (one of SIMULATE, SPY, CAPTURE)')
})

test('metrics are served for Prometheus, unless they are switched off', async (t) => {
  const on = await startControl(t)
  const { status, body, headers } = await on.ask('/mockserver/metrics')
  assert.equal(status, 200)
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
  assert.match(body, /^understudy_build_info\{/m)
  const off = await startControl(t, { controlMetricsEnabled: false })
  assert.equal((await off.ask('/mockserver/metrics')).status, 404)
  assert.equal((await off.put('retrieve?type=METRICS')).body, '{}')
})

test('the API describes itself', async (t) => {
  const { ask } = await startControl(t)
  const { body, headers } = await ask('/mockserver/openapi.yaml')
  assert.equal(body, readFileSync(new URL('../../src/control/api.yaml', import.meta.url), 'utf8'))
  assert.equal(headers['content-type'], 'application/yaml; charset=utf-8')
})

test('what is new needs the prefix', async (t) => {
  const { ask } = await startControl(t)
  for (const path of ['/configuration', '/mode', '/metrics', '/openapi.yaml', '/ready']) {
    assert.equal((await ask(path)).status, 404)
  }
})
