/** The admin server as an agent starts it: reachable from the network, asked by Prometheus, a probe, an operator and a stranger. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Config } from '../../src/config/schema.ts'
import { createRecordStage, type RecordOptions } from '../../src/record-stage.ts'
import { connection } from '../unit/record/samples.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

const ask = (port: number, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', path, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    asked.on('error', reject).end()
  })

const tokenFile = (t: TestContext, text: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-admin-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'token')
  writeFileSync(path, text)
  return path
}

const start = async (
  t: TestContext,
  settings: Readonly<Record<string, unknown>>,
  options: Partial<RecordOptions> = {},
) => {
  const stage = createRecordStage({
    config: Config.parse({ adminPort: 0, adminHost: '0.0.0.0', logLevel: 'silent', ...settings }),
    withSummary: false,
    ready: () => ({ ok: true }),
    adminMayMove: false,
    node: {},
    debugWorkloads: () => [{ uid: 'u1', state: 'intercepted' }],
    ...options,
  })
  t.after(() => stage.close())
  const port = (await stage.startAdmin()) ?? 0
  return { stage, port, get: (path: string, headers = {}) => ask(port, path, headers) }
}

const OPEN = ['/healthz', '/readyz', '/metrics', '/version']
const PRIVATE = ['/flows?limit=1&replay=1', '/debug/workloads']
const summary = connection({ workload: { uid: 'u1', namespace: 'shop', name: 'cart-1' } })

test('without a token, the network sees health and metrics but no traffic, and is told why', async (t) => {
  const { get } = await start(t, {})
  for (const path of OPEN) assert.equal((await get(path)).status, 200, path)
  for (const path of PRIVATE) {
    const { status, text } = await get(path, { authorization: 'Bearer guess' })
    assert.equal(status, 403, path)
    assert.match(JSON.parse(text).error, /no token is set up.*adminTokenFile/)
  }
})

test('with a token, whoever brings it sees the traffic, and nobody else', async (t) => {
  const { get, stage } = await start(t, { adminTokenFile: tokenFile(t, 'secret\nnext\n') })
  stage.recorder.connection(summary)
  for (const path of OPEN) assert.equal((await get(path)).status, 200, path)
  for (const path of PRIVATE) {
    const refused = await get(path, { authorization: 'Bearer guess' })
    assert.equal(refused.status, 401)
    assert.equal(refused.headers['www-authenticate'], 'Bearer realm="understudy"')
    assert.equal((await get(path)).status, 401)
    for (const token of ['secret', 'next']) {
      assert.equal((await get(path, { authorization: `Bearer ${token}` })).status, 200, path)
    }
  }
})

test('a token file that is emptied closes what it opened', async (t) => {
  const path = tokenFile(t, 'secret')
  const { get } = await start(t, { adminTokenFile: path })
  const status = async () => (await get('/debug/workloads', { authorization: 'Bearer secret' })).status
  assert.equal(await status(), 200)
  writeFileSync(path, '')
  assert.equal(await status(), 401)
})

test('a token file that cannot be read stops the start, with the setting in the remedy', async (t) => {
  await assert.rejects(start(t, { adminTokenFile: '/nonexistent/token' }), {
    code: 'FILE_UNREADABLE',
    remedy: /adminTokenFile/,
  })
})

test('Prometheus may ask by the names that are allowed', async (t) => {
  const { get } = await start(t, { adminHosts: ['understudy-metrics', '.svc.cluster.local'] })
  for (const host of ['understudy-metrics:9901', 'understudy.mocks.svc.cluster.local']) {
    assert.equal((await get('/metrics', { host })).status, 200, host)
  }
  const { status, text } = await get('/metrics', { host: 'evil.example' })
  assert.equal(status, 403)
  assert.match(text, /adminHosts/)
})

test('an operator sees one pod of one namespace', async (t) => {
  const { get, stage } = await start(t, { adminHost: '127.0.0.1' })
  stage.recorder.connection(connection())
  stage.recorder.connection({ ...summary, workload: { uid: 'u2', namespace: 'other', name: 'cart-1' } })
  stage.recorder.connection({ ...summary, names: ['db.shop'], dialled: { address: '10.1.2.3', port: 5432 } })
  const { text } = await get('/flows?replay=3&limit=1&namespace=shop&pod=cart-1')
  const { workload, namespace, pod, names, dialled } = JSON.parse(text)
  assert.deepEqual(
    { workload, namespace, pod, names, dialled },
    { workload: 'cart-1', namespace: 'shop', pod: 'cart-1', names: ['db.shop'], dialled: '10.1.2.3:5432' },
  )
  assert.equal((await get('/flows?pod=')).status, 400)
})

test('what a pod did is in the metrics until it is gone', async (t) => {
  const { get, stage } = await start(t, {})
  stage.recorder.connection(summary)
  const seen = async () => (await get('/metrics')).text.includes('pod="cart-1"')
  assert.equal(await seen(), true)
  stage.forgetWorkload('u1')
  assert.equal(await seen(), false)
})

test('the workloads are shown as they are now', async (t) => {
  let state = 'waiting'
  const { get } = await start(t, { adminHost: '127.0.0.1' }, { debugWorkloads: () => [{ uid: 'u1', state }] })
  assert.deepEqual(JSON.parse((await get('/debug/workloads')).text), { workloads: [{ uid: 'u1', state }], leftOut: 0 })
  state = 'intercepted'
  assert.match((await get('/debug/workloads')).text, /intercepted/)
})
