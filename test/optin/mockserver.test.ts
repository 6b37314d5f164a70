/**
 * A real MockServer behind our programs learns from its own eBPF resolver where a connection was going. Needs Java, and
 * npm to fetch MockServer; run it with `npm run test:mockserver`.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { loadInbound } from '../../src/kernel/inbound.ts'
import { inboundOptions } from '../support/inbound-plane.ts'
import { fixture, type Lab, labTest, NET, type Started, until } from '../support/lab.ts'

const mockServerTest = labTest('mockserver')
const PACKAGE = 'mockserver-node@8.0.0'
const PROXY_PORT = 15100
const APP_PORT = 8080
const BPFFS = '/sys/fs/bpf'
const BPF_FS_MAGIC = 0xcafe4a11
const INSTALL_MS = 240_000

const folder = mkdtempSync(join(tmpdir(), 'understudy-mockserver-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** The jar that has its dependencies where it looks for them: in the other one JNA has another name. */
const jar = (): string => {
  const home = join(folder, 'node_modules/mockserver-node')
  if (!existsSync(home)) {
    const argv = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder, PACKAGE]
    const { status, stderr } = spawnSync('npm', argv, { encoding: 'utf8', timeout: INSTALL_MS })
    assert.equal(status, 0, stderr)
  }
  const name = readdirSync(home).find((each) => each.endsWith('-with-dependencies.jar'))
  assert.ok(name, 'the package carries no jar')
  return join(home, name)
}

interface Setting {
  readonly ebpf: boolean
  readonly map: string
}

/** Starts MockServer in the app's namespace and waits until it answers. */
const startMockServer = async (lab: Lab, context: TestContext, { ebpf, map }: Setting): Promise<Started> => {
  const settings = [
    'mockserver.transparentProxyEnabled=true',
    `mockserver.transparentProxyEbpf=${ebpf}`,
    `mockserver.transparentProxyEbpfMapPath=${map}`,
    'mockserver.logLevel=DEBUG',
  ]
  const argv = [
    ...['env', '-C', folder], // it writes files to where it runs
    'java',
    '-Xmx256m',
    ...settings.map((each) => `-D${each}`),
    '-jar',
    jar(),
    '-serverPort',
    `${PROXY_PORT}`,
  ]
  const server = lab.start('app', argv, lab.cgroups.listener)
  context.after(() => server.kill())
  await until('MockServer answers', async () => {
    const status = `http://127.0.0.1:${PROXY_PORT}/mockserver/status`
    return (await lab.run('app', ['curl', '-sS', '-o', '/dev/null', '-X', 'PUT', status])).code === 0
  })
  return server
}

/** Our programs in front of it, before it starts: it opens the map once in its life. */
const steer = (lab: Lab, context: TestContext, map: string) => {
  if (statfsSync(BPFFS).type !== BPF_FS_MAGIC) lab.shim.call('understudy_mount_bpffs', BPFFS)
  const kernel = loadInbound(lab.shim, inboundOptions(lab, { thirdParty: true, mockServerMapPath: map }))
  context.after(kernel.close)
  kernel.setPorts([{ appPort: APP_PORT, proxyPort: PROXY_PORT }])
  kernel.startHeartbeat()
  kernel.attach()
  return kernel
}

for (const ebpf of [true, false]) {
  const how = ebpf ? 'in our map' : 'from SO_ORIGINAL_DST, where its eBPF resolver is off'
  mockServerTest(`MockServer finds the destination ${how}, and forwards there`, async (lab, context) => {
    const map = `${BPFFS}/understudy-test-${process.pid}-${ebpf}`
    const kernel = steer(lab, context, map)
    await startMockServer(lab, context, { ebpf, map })
    const application = lab.start('app', [
      process.execPath,
      fixture('application.ts'),
      'http',
      `${APP_PORT}`,
      '0.0.0.0',
    ])
    context.after(() => application.kill())
    await application.said('ready')
    // What the client names leads nowhere: only the connection itself tells.
    const args = ['-sS', '--max-time', '10', '-H', 'host: nobody.invalid', `http://${NET.app4}:${APP_PORT}/orders/7`]
    const { code, stdout, stderr } = await lab.run('world', ['curl', ...args])
    assert.equal(code, 0, stderr)
    const { url, at } = JSON.parse(stdout) as { url: string; at: string }
    assert.deepEqual([url, at], ['/orders/7', `${NET.app4} ${APP_PORT}`])
    const { steered = 0, accepted = 0, answered = 0 } = kernel.readCounters()
    assert.ok(steered > 0 && accepted > 0)
    assert.equal(answered > 0, !ebpf, `SO_ORIGINAL_DST was answered ${answered} times`)
  })
}
