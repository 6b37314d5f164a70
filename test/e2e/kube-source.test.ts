/** The pods of a node by way of the Kubernetes API, over real connections. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createKubernetesSource } from '../../src/workloads/kubernetes/source.ts'
import { createAuthority } from '../support/certificates.ts'
import { openKubeLab } from '../support/kube-lab.ts'
import { until } from '../support/quick-clock.ts'

const LIMITS = { timeout: 60_000 }

const fileOf = (t: TestContext, text: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-kube-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'file')
  writeFileSync(path, text)
  return path
}

test('pods of the node are known, as they come, change and go', LIMITS, async (t) => {
  const { server, source, start, synced, knows, changed } = await openKubeLab(t)
  const pod = server.createPod({ metadata: { name: 'a' } })
  server.createPod({ metadata: { name: 'elsewhere' }, spec: { nodeName: 'node-2' } })
  start()
  await synced()
  await knows('a')
  server.createPod({ metadata: { name: 'b' } })
  await knows('a', 'b')
  server.annotate('default', 'a', { 'understudy.dev/intercept': 'true' })
  const { uid } = pod.metadata
  await until(() => source.get(uid)?.annotations['intercept'] === 'true')
  server.setPodStatus('default', 'a', { podIP: '10.1.0.7', podIPs: [{ ip: '10.1.0.7' }] })
  await until(() => source.get(uid)?.ips[0] === '10.1.0.7')
  server.deletePod('default', 'a')
  await knows('b')
  await until(() => changed.at(-1) === uid)
  assert.equal(source.get(uid), undefined)
  assert.equal(source.counters().pods.lists, 1)
})

test('many changes of one pod are told once', LIMITS, async (t) => {
  const { server, source, start, synced, changed } = await openKubeLab(t)
  start()
  await synced()
  const { uid } = server.createPod({ metadata: { name: 'a' } }).metadata
  for (let round = 0; round < 50; round += 1) server.annotate('default', 'a', { 'understudy.dev/round': String(round) })
  await until(() => source.get(uid)?.annotations['round'] === '49' && changed.length > 0)
  assert.ok(changed.length < 10, `${changed.length}`)
})

test(
  'labels of namespaces are known where they are asked for, and their pods told when they change',
  LIMITS,
  async (t) => {
    const { server, source, start, synced, changed } = await openKubeLab(t, { watchNamespaces: true })
    server.createNamespace('shop', { team: 'orders' })
    const { uid } = server.createPod({ metadata: { name: 'a', namespace: 'shop' } }).metadata
    start()
    await synced()
    await until(() => changed.length > 0 && server.openWatches === 2)
    assert.equal(source.namespaceLabels('shop')?.['team'], 'orders')
    assert.equal(source.namespaceLabels('none'), undefined)
    changed.length = 0
    server.labelNamespace('shop', { team: 'billing' })
    await until(() => changed.includes(uid))
    assert.equal(source.namespaceLabels('shop')?.['team'], 'billing')
  },
)

test('a mirror pod that names the UID of another pod is not taken for it', LIMITS, async (t) => {
  const { server, source, start, knows } = await openKubeLab(t)
  const victim = server.createPod({ metadata: { name: 'victim' } }).metadata.uid
  const mirror = { 'kubernetes.io/config.mirror': victim }
  const thief = server.createPod({ metadata: { name: 'thief', annotations: mirror } }).metadata.uid
  start()
  await knows('thief', 'victim')
  assert.equal(source.get(thief)?.cgroupUid, thief)
  assert.deepEqual(
    [...source.all()].map(({ uid, cgroupUid }) => uid === cgroupUid),
    [true, true],
  )
})

test('hostile pods are left out, and the others are not harmed', LIMITS, async (t) => {
  const { server, start, knows, failed, names } = await openKubeLab(t)
  server.createPod({ metadata: { name: 'a', annotations: { 'understudy.dev/x': 'y'.repeat(256 * 1024) } } })
  server.createPod({ metadata: { name: 'escaping', uid: '../../x' } })
  server.createPod({ metadata: { name: 'long', uid: 'a'.repeat(10_240) } })
  start()
  await knows('a')
  await failed('bad_object', 2)
  server.createPod({ metadata: { name: 'later', uid: '/' } })
  await failed('bad_object', 3)
  assert.deepEqual(names(), ['a'])
})

test('a token that rotates is read again once the old one is refused', LIMITS, async (t) => {
  const tokens = ['first']
  const tokenFile = fileOf(t, 'first\n')
  const { server, start, synced, knows, failed, failures } = await openKubeLab(t, { tokenFile }, { tokens })
  start()
  await synced()
  tokens[0] = 'second'
  server.cutConnections()
  await failed('unauthorized')
  assert.match(failures.find(({ kind }) => kind === 'unauthorized')?.message ?? '', new RegExp(tokenFile))
  writeFileSync(tokenFile, 'second')
  server.createPod({ metadata: { name: 'a' } })
  await knows('a')
  assert.equal(server.requests().at(-1)?.headers.authorization, 'Bearer second')
})

test('without a token file that can be read nothing is sent, and the file is named', LIMITS, async (t) => {
  const { server, start, failed, failures, source } = await openKubeLab(t, { tokenFile: '/no/such/token' })
  start()
  await failed('credentials', 3)
  assert.match(failures[0]?.message ?? '', /\/no\/such\/token/)
  assert.match(source.health().trouble ?? '', /\/no\/such\/token/)
  assert.equal(source.health().isSynced, false)
  assert.equal(server.requests().length, 0)
})

test('a token that would end the header is none', LIMITS, async (t) => {
  const tokenFile = fileOf(t, 'a\r\nx-evil: 1')
  const { server, start, failed } = await openKubeLab(t, { tokenFile })
  start()
  await failed('credentials')
  assert.equal(server.requests().length, 0)
})

test(
  'a server of another authority is not told the token, until its authority is the one in the file',
  LIMITS,
  async (t) => {
    const right = createAuthority(t)
    const wrong = createAuthority(t)
    const caFile = fileOf(t, wrong.cert)
    const tls = right.issue('IP:127.0.0.1')
    const { server, start, synced, failed, failures } = await openKubeLab(
      t,
      { caFile, tokenFile: fileOf(t, 'x') },
      { tls },
    )
    start()
    await failed('tls')
    assert.match(failures[0]?.message ?? '', new RegExp(caFile))
    assert.equal(server.requests().length, 0)
    writeFileSync(caFile, right.cert)
    await synced()
  },
)

test('a server whose certificate is for another name is refused', LIMITS, async (t) => {
  const authority = createAuthority(t)
  const lab = await openKubeLab(t, { caFile: authority.path }, { tls: authority.issue('IP:127.0.0.2') })
  lab.start()
  await lab.failed('tls')
  assert.equal(lab.server.requests().length, 0)
})

test('what the role does not allow is named, with the verb and the resource', LIMITS, async (t) => {
  const { server, start, failed, failures, synced } = await openKubeLab(t)
  const body = { kind: 'Status', code: 403, reason: 'Forbidden', message: 'pods is forbidden: no' }
  server.misbehave({ verb: 'list', fault: { kind: 'status', code: 403, body } })
  start()
  await failed('forbidden')
  const message = failures[0]?.message ?? ''
  assert.match(message, /^list http:\S+\/api\/v1\/pods: 403: pods is forbidden: no; allow the verb "list" on "pods"/)
  await synced()
})

test('a redirect is not followed', LIMITS, async (t) => {
  const { server, start, failed, synced } = await openKubeLab(t)
  const headers = { location: `${server.url}/elsewhere` }
  server.misbehave({ fault: { kind: 'status', code: 302, headers } })
  start()
  await failed('rejected')
  await synced()
  assert.ok(server.requests().every(({ path }) => path === '/api/v1/pods'))
})

test('a URL that nobody can call is refused at once', () => {
  const none = { tokenFile: '', caFile: '', nodeName: 'n', watchNamespaces: false }
  for (const server of ['', 'kubernetes', 'ftp://x', 'https://user:secret@x', 'https://x?y=z'])
    assert.throws(() => createKubernetesSource({ ...none, server }), { code: 'BAD_CONFIG' })
})
