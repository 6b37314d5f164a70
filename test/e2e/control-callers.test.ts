/** Who may call the control API: pages of other origins may not, nor names that somebody has pointed here. */
import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { mockServerClient } from 'mockserver-client'
import { startControl } from '../support/control-lab.ts'

const CALL = { method: 'PUT' } as const
const preflightFrom = (origin: string) => ({
  method: 'OPTIONS',
  headers: { origin, 'access-control-request-method': 'PUT' },
})

const tokenFile = (t: TestContext, text: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-tokens-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'tokens')
  writeFileSync(path, text)
  return path
}

const bearing = (token: string) => ({ ...CALL, headers: { authorization: `Bearer ${token}` } })

test('a page of this machine may ask, and read the answer', async (t) => {
  const { ask } = await startControl(t)
  for (const origin of ['http://localhost:3000', 'http://127.0.0.1', 'https://[::1]:8443', 'http://app.localhost']) {
    const preflight = await ask('/mockserver/expectation', preflightFrom(origin))
    assert.deepEqual([preflight.status, preflight.headers['access-control-allow-origin']], [200, origin])
    const answer = await ask('/mockserver/status', { ...CALL, headers: { origin } })
    assert.deepEqual([answer.status, answer.headers['access-control-allow-origin']], [200, origin])
  }
})

test('a page from elsewhere gets neither the preflight nor the call', async (t) => {
  const { ask, put } = await startControl(t)
  await put('expectation', { id: 'kept', httpResponse: {} })
  for (const origin of [
    'http://page.example',
    'null',
    'http://localhost.page.example',
    'http://127.0.0.1.page.example',
  ]) {
    const preflight = await ask('/mockserver/reset', preflightFrom(origin))
    assert.deepEqual([preflight.status, preflight.headers['access-control-allow-origin']], [403, undefined])
    for (const path of ['/mockserver/reset', '/reset']) {
      assert.equal((await ask(path, { ...CALL, headers: { origin } })).status, 403)
    }
    assert.equal((await ask('/mockserver/configuration', { headers: { origin } })).status, 403)
  }
  assert.match((await put('retrieve?type=ACTIVE_EXPECTATIONS')).body, /"kept"/)
})

test('an origin that is named may ask, and with * any may', async (t) => {
  const one = await startControl(t, { controlCorsOrigins: ['https://ui.example'] })
  assert.equal((await one.ask('/mockserver/status', preflightFrom('https://ui.example'))).status, 200)
  assert.equal((await one.ask('/mockserver/status', preflightFrom('https://other.example'))).status, 403)
  const any = await startControl(t, { controlCorsOrigins: ['*'] })
  assert.equal((await any.ask('/mockserver/status', preflightFrom('null'))).status, 200)
})

test('what a page could read under a name of its own is refused under names that are not known to be ours', async (t) => {
  const { ask } = await startControl(t)
  for (const host of ['rebound.example:1080', 'localhost.rebound.example', '1.2.3.4.rebound.example']) {
    for (const path of ['/mockserver/configuration', '/mockserver/metrics', '/mockserver/openapi.yaml'])
      assert.equal((await ask(path, { headers: { host } })).status, 403)
    const sent = { ...CALL, headers: { host, origin: `http://${host}` } }
    assert.equal((await ask('/mockserver/reset', sent)).status, 403)
  }
})

test('a client that is no page may call by any name', async (t) => {
  const { ask } = await startControl(t)
  for (const host of ['mocks', 'mocks.shop.svc', 'mocks.example:1080', '10.1.2.3:1080', '[::1]:1080', 'LOCALHOST']) {
    assert.equal((await ask('/mockserver/status', { ...CALL, headers: { host } })).status, 200)
    assert.equal((await ask('/mockserver/ready', { headers: { host } })).status, 200)
  }
})

test('mocked traffic may have any name and any origin, and needs no token', async (t) => {
  const { ask, put } = await startControl(t, { controlTokenFile: tokenFile(t, 'secret') })
  const body = { httpRequest: { path: '/a' }, httpResponse: { body: 'mocked' } }
  assert.equal((await ask('/mockserver/expectation', { ...bearing('secret'), body })).status, 201)
  const headers = { host: 'orders.example', origin: 'http://page.example' }
  assert.equal((await ask('/a', { headers })).body, 'mocked')
  assert.equal((await put('status')).status, 401)
})

test('names are allowed one by one, or all below one', async (t) => {
  const { ask } = await startControl(t, { controlHosts: ['mocks', '.svc.cluster.local'] })
  for (const [host, status] of [
    ['mocks:1080', 200],
    ['a.b.svc.cluster.local', 200],
    ['xsvc.cluster.local', 403],
    ['other', 403],
  ] as const) {
    assert.equal((await ask('/mockserver/config', { headers: { host } })).status, status)
  }
})

test('with a token file, calls need one of its tokens; probes and preflights do not', async (t) => {
  const { ask } = await startControl(t, {
    controlTokenFile: tokenFile(t, 'first\nsecond\n'),
    livenessHttpGetPath: '/live',
  })
  const without = await ask('/mockserver/status', CALL)
  assert.deepEqual([without.status, without.headers['www-authenticate']], [401, 'Bearer realm="understudy"'])
  for (const token of ['first', 'second']) {
    assert.equal((await ask('/mockserver/status', bearing(token))).status, 200)
  }
  for (const token of ['third', 'firs', 'first second', '']) {
    assert.equal((await ask('/mockserver/status', bearing(token))).status, 401)
  }
  assert.equal((await ask('/mockserver/ready')).status, 200)
  assert.equal((await ask('/live')).status, 200)
  assert.equal((await ask('/mockserver/status', preflightFrom('http://localhost'))).status, 200)
})

test('a token file that is replaced counts from the next call on, and one that is gone lets nobody in', async (t) => {
  const path = tokenFile(t, 'old')
  const { ask } = await startControl(t, { controlTokenFile: path })
  assert.equal((await ask('/mockserver/status', bearing('old'))).status, 200)
  writeFileSync(`${path}.new`, 'new one\nnew')
  renameSync(`${path}.new`, path)
  assert.equal((await ask('/mockserver/status', bearing('old'))).status, 401)
  assert.equal((await ask('/mockserver/status', bearing('new'))).status, 200)
  rmSync(path)
  assert.equal((await ask('/mockserver/status', bearing('new'))).status, 401)
  writeFileSync(path, 'back')
  assert.equal((await ask('/mockserver/status', bearing('back'))).status, 200)
})

test('without tokens to read, it does not start', async (t) => {
  for (const controlTokenFile of [tokenFile(t, ' \n'), '/nonexistent/tokens']) {
    await assert.rejects(startControl(t, { controlTokenFile }), { code: 'FILE_UNREADABLE' })
  }
})

test("the client's own bearer token is one", async (t) => {
  const { port } = await startControl(t, { controlTokenFile: tokenFile(t, 'secret') })
  const client = (bearerToken: string) =>
    mockServerClient('127.0.0.1', port, undefined, undefined, undefined, { bearerToken })
  await client('secret').mockAnyResponse({ httpResponse: {} })
  await assert.rejects(Promise.resolve(client('wrong').mockAnyResponse({ httpResponse: {} })))
})
