import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type InboundKernel, loadInbound } from '../../src/kernel/inbound.ts'
import { attachedTo } from '../support/bpftool.ts'
import { APP_PORT, connectTo, inboundOptions, OTHER_APP_PORT, startApp, whoIsAt } from '../support/inbound-plane.ts'
import { fixture, type Lab, labTest, NET, type Started, until } from '../support/lab.ts'

const kernelTest = labTest('inbound-third')
const PROXY_PORT = 15_100
const OTHER_PROXY_PORT = 15_101
const PORTS = [
  { appPort: APP_PORT, proxyPort: PROXY_PORT },
  { appPort: OTHER_APP_PORT, proxyPort: OTHER_PROXY_PORT },
]

/** Attached, with the ports above; the proxy is somebody else's. */
const steer = (lab: Lab, context: TestContext): InboundKernel => {
  const kernel = loadInbound(lab.shim, inboundOptions(lab, { thirdParty: true }))
  context.after(kernel.close)
  kernel.setPorts(PORTS)
  kernel.startHeartbeat()
  kernel.attach()
  return kernel
}

const listens = (lab: Lab, port: number): Promise<boolean> =>
  until(`somebody listens on ${port}`, async () => {
    const { stdout } = await lab.run('app', ['ss', '-ltnH', `sport = :${port}`])
    return stdout.trim() !== ''
  })

const haproxy = async (lab: Lab, context: TestContext): Promise<Started> => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-haproxy-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const listen = ({ proxyPort }: { proxyPort: number }) =>
    `listen p${proxyPort}\n  bind 0.0.0.0:${proxyPort}\n  server app 0.0.0.0:0\n`
  const times = ['connect', 'client', 'server'].map((what) => `  timeout ${what} 10s\n`).join('')
  const path = join(folder, 'haproxy.cfg')
  writeFileSync(path, `global\n  maxconn 64\ndefaults\n  mode tcp\n${times}${PORTS.map(listen).join('')}`)
  const proxy = lab.start('app', ['haproxy', '-db', '-f', path], lab.cgroups.listener)
  context.after(() => proxy.kill())
  for (const { proxyPort } of PORTS) await listens(lab, proxyPort)
  return proxy
}

// It does so for IPv4 only; with IPv6 it would take our rewritten port for the one that was called.
kernelTest('HAProxy, which asks SO_ORIGINAL_DST, forwards to the port that was called', async (lab, context) => {
  for (const port of [APP_PORT, OTHER_APP_PORT]) context.after((await startApp(lab, port)).close)
  const proxy = await haproxy(lab, context)
  const kernel = steer(lab, context)
  for (const port of [APP_PORT, OTHER_APP_PORT]) {
    assert.equal(await whoIsAt(lab, NET.app4, port), `app at ${NET.app4} ${port}`)
  }
  const { steered, accepted, answered } = kernel.readCounters()
  assert.deepEqual([steered, accepted], [2, 2])
  assert.ok((answered ?? 0) >= 2)
  proxy.kill()
  await proxy.finished
  assert.equal(await whoIsAt(lab, NET.app4, APP_PORT), `app at ${NET.app4} ${APP_PORT}`, 'without HAProxy, too')
  assert.equal(kernel.readCounters()['steered'], 2)
})

const sockaddr4 = `0200${APP_PORT.toString(16)}0a4d0001`
const sockaddr6 = `0a00${APP_PORT.toString(16)}0000000020010db800770000000000000000000100000000`

/** What a proxy on `address` is told about one connection. */
const askSockopts = async (lab: Lab, context: TestContext, address: string, to: string, only6 = 1) => {
  const argv = ['python3', '-S', '-E', fixture('sockopts.py'), address, String(PROXY_PORT), String(only6)]
  const server = lab.start('app', argv, lab.cgroups.listener)
  context.after(() => server.kill())
  await server.said('listening')
  const talk = await connectTo(lab, { to: [to, APP_PORT] })
  const { stdout } = await server.finished
  talk.close()
  return JSON.parse(stdout.split('\n')[1] ?? '') as Record<string, string | number | string[]>
}

const isLong = (hex: string): string => hex.padEnd(32, '0')

kernelTest('getsockopt answers as the kernel would, and says nothing about anything else', async (lab, context) => {
  // The answers of a proxy that nobody steers to: asked before, so they are the kernel's own.
  const plain = await (async () => {
    const server = lab.start('app', ['python3', '-S', '-E', fixture('sockopts.py'), '0.0.0.0', '15102'])
    context.after(() => server.kill())
    await server.said('listening')
    const talk = await connectTo(lab, { to: [NET.app4, 15_102] })
    const { stdout } = await server.finished
    talk.close()
    return JSON.parse(stdout.split('\n')[1] ?? '') as Record<string, string | number | string[]>
  })()
  steer(lab, context)
  const v4 = await askSockopts(lab, context, '0.0.0.0', NET.app4)
  for (const size of [16, 28, 1024]) assert.deepEqual(v4[`v4 ${size}`], [isLong(sockaddr4)])
  assert.equal(v4['v4 15'], 'EINVAL')
  for (const name of [
    'v6 28',
    'listener v4',
    'listener v6',
    'other level',
    'receive buffer',
    'tcp info',
    'tcp info, two pages',
  ]) {
    assert.deepEqual(v4[name], plain[name], name)
  }
  const v6 = await askSockopts(lab, context, '::', NET.app6)
  for (const size of [28, 1024]) assert.deepEqual(v6[`v6 ${size}`], [sockaddr6])
  assert.equal(v6['v6 27'], 'EINVAL')
  assert.equal(typeof v6['v4 16'], 'string')
  const dual = await askSockopts(lab, context, '::', NET.app4, 0)
  assert.deepEqual(dual['v4 16'], [isLong(sockaddr4)])
  assert.equal(typeof dual['v6 28'], 'string')
})

kernelTest('iptables lists more rules than fit in a page, in the cgroup of the proxy', async (lab, context) => {
  steer(lab, context)
  assert.deepEqual(attachedTo(lab.cgroups.listener).sort(), ['answer_original', 'record_inbound'])
  const rules = Array.from({ length: 300 }, (_, i) => `-A FORWARD -p tcp -m tcp --dport ${i + 1000} -j ACCEPT`)
  const script = ['*filter', ...rules, 'COMMIT'].join('\\n')
  const inside = (command: string) => lab.run('app', ['sh', '-c', command], lab.cgroups.listener)
  for (const iptables of ['iptables-legacy', 'iptables-nft']) {
    const restored = await inside(`printf '${script}\\n' | ${iptables}-restore`)
    assert.equal(restored.code, 0, restored.stderr)
    const { stdout, stderr, code } = await inside(`${iptables} -S FORWARD`)
    assert.equal(code, 0, stderr)
    assert.deepEqual(stdout.trim().split('\n').slice(1), rules)
    assert.equal((await inside(`${iptables} -L FORWARD -n`)).stdout.match(/ACCEPT/g)?.length, rules.length + 1)
    await inside(`${iptables} -F FORWARD`)
  }
})
