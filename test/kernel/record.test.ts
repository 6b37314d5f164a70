import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeOriginalDst } from '../../src/kernel/layout.ts'
import type { Shim } from '../../src/kernel/shim.ts'
import { cookieKey, lookUp, remove } from '../support/bpftool.ts'
import { type ClientSpec, dial, dialAndStay } from '../support/client.ts'
import { labTest, NET } from '../support/lab.ts'
import { startPlane } from '../support/plane.ts'

const kernelTest = labTest('record')
const pid = (seen: { process: { pid: number } } | undefined) => seen?.process.pid

const FAMILIES: readonly [string, ClientSpec, string][] = [
  ['IPv4', { family: 4, to: [NET.served4, 8080] }, NET.served4],
  ['IPv6', { family: 6, to: [NET.served6, 65_535] }, NET.served6],
  ['IPv4 through an IPv6 socket', { family: 6, to: [`::ffff:${NET.served4}`, 1] }, NET.served4],
]
for (const [name, spec, address] of FAMILIES) {
  kernelTest(`a connection over ${name} arrives with the address, port and process it had`, async (lab, context) => {
    const plane = await startPlane(lab)
    context.after(plane.close)
    const client = await dialAndStay(lab, spec)
    const [accepted] = await plane.arrivals(1)
    const now = process.hrtime.bigint()
    client.tell('go on')
    assert.equal((await client.finished).code, 0)
    const saved = accepted?.saved
    assert.deepEqual(saved?.destination, { address, port: spec.to[1] })
    assert.deepEqual(saved?.process, { pid: client.pid, name: 'python3' })
    assert.equal(saved?.via, 'map')
    assert.equal(saved?.sourceBound, false)
    assert.notEqual(saved?.clientCookie, accepted?.cookie)
    assert.ok(saved && saved.connectedAtNs < now && now - saved.connectedAtNs < 10_000_000_000n)
    assert.deepEqual(plane.counted(), { redirected: 1, accepted: 1 })
  })
}

kernelTest('curl, socat, Node and a Python resolver library are all recorded by name', async (lab, context) => {
  const plane = await startPlane(lab)
  context.after(plane.close)
  const url = `http://${NET.served4}/`
  const fetching = `fetch('http://[${NET.served6}]/').then(r => r.text()).then(t => process.stdout.write(t))`
  const request = `import urllib.request; print(urllib.request.urlopen('${url}').read().decode(), end='')`
  const programs: Record<string, string[]> = {
    curl: ['curl', '-s', '-4', url],
    socat: ['sh', '-c', `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | exec socat -t5 - TCP:${NET.served4}:80 | tail -n1`],
    node: [process.execPath, '-e', fetching],
    python3: ['python3', '-S', '-E', '-c', request],
  }
  for (const [name, argv] of Object.entries(programs)) {
    assert.equal((await lab.run('workload', argv)).stdout, 'understudy', name)
    const [accepted] = await plane.arrivals(1)
    assert.match(accepted?.saved?.process.name ?? '', name === 'node' ? /MainThread$/ : new RegExp(`^${name}$`))
    assert.equal(accepted?.saved?.destination.port, 80)
  }
})

kernelTest('when the map has lost the entry, the accepted socket itself still answers', async (lab, context) => {
  const plane = await startPlane(lab)
  context.after(plane.close)
  const client = await dialAndStay(lab, { to: [NET.served4, 80] })
  const [accepted] = await plane.arrivals(1)
  assert.ok(accepted?.saved)
  assert.equal(plane.kernel.readMapEntries()['orig_dst'], 1)
  const pin = pinned(plane.kernel.pinOriginalDestinations, lab.shim, context)
  remove(pin, cookieKey(accepted.cookie))
  assert.equal(plane.kernel.readMapEntries()['orig_dst'], 0)
  assert.deepEqual(plane.kernel.identify(accepted.fd), {
    cookie: accepted.cookie,
    saved: { ...accepted.saved, via: 'storage' },
  })
  client.tell('go on')
  assert.equal(pid(accepted.saved), client.pid)
  assert.equal((await client.finished).code, 0)
})

kernelTest('a third party reads the same record out of the pinned map', async (lab, context) => {
  const plane = await startPlane(lab)
  context.after(plane.close)
  const pin = pinned(plane.kernel.pinOriginalDestinations, lab.shim, context)
  const client = await dialAndStay(lab, { family: 6, to: [NET.served6, 4711] })
  const [accepted] = await plane.arrivals(1)
  assert.ok(accepted?.saved)
  assert.deepEqual(decodeOriginalDst(lookUp(pin, cookieKey(accepted.cookie)), 0, 'map'), accepted.saved)
  client.tell('go on')
  await client.finished
  await plane.emptied()
  assert.throws(() => lookUp(pin, cookieKey(accepted.cookie)))
})

kernelTest('more connections at once than the map holds are still resolved', async (lab, context) => {
  const plane = await startPlane(lab, { kernel: { flowCapacity: 16 }, serve: () => {} })
  context.after(plane.close)
  const many = `
import socket, sys
held = [socket.create_connection(('${NET.served4}', 1000 + i)) for i in range(300)]
print('connected', flush=True)
sys.stdin.readline()
`
  const client = lab.start('workload', ['python3', '-S', '-E', '-c', many])
  await client.said('connected')
  const accepted = await plane.arrivals(300)
  const sources = accepted.map(({ fd }) => plane.kernel.identify(fd).saved)
  assert.deepEqual(
    sources.map((saved) => saved?.destination.port).sort((a = 0, b = 0) => a - b),
    Array.from({ length: 300 }, (_, i) => 1000 + i),
  )
  assert.ok(sources.some((saved) => saved?.via === 'storage'))
  client.tell('go on')
  await client.finished
})

kernelTest('a listener that answers with SYN cookies hands the record on all the same', async (lab, context) => {
  const cookies = (mode: number) => lab.run('app', ['sysctl', '-qw', `net.ipv4.tcp_syncookies=${mode}`])
  assert.equal((await cookies(2)).code, 0)
  context.after(() => cookies(1))
  const plane = await startPlane(lab)
  context.after(plane.close)
  for (const spec of [{ to: [NET.served4, 80] }, { family: 6, to: [NET.served6, 80] }] as const) {
    assert.equal((await dial(lab, spec)).answer, 'understudy')
    const [accepted] = await plane.arrivals(1)
    assert.equal(accepted?.saved?.destination.address, spec.to[0])
  }
  assert.deepEqual(plane.counted(), { redirected: 2, accepted: 2 })
})

kernelTest('a connection made straight to the listener has a cookie and no record', async (lab, context) => {
  const plane = await startPlane(lab)
  context.after(plane.close)
  const seen = await dial(lab, { to: ['127.0.0.1', plane.policy.listenPort4] })
  assert.equal(seen.answer, 'understudy')
  const [accepted] = await plane.arrivals(1)
  assert.ok(accepted && accepted.cookie > 0n)
  assert.equal(accepted.saved, undefined)
  assert.deepEqual(plane.counted(), { loopback: 1, accept_unknown: 1 })
})

kernelTest('a client outside the workload is not redirected, and its cookie is not looked at', async (lab, context) => {
  const plane = await startPlane(lab)
  context.after(plane.close)
  const seen = await lab.run('app', ['curl', '-s', '-m', '1', `http://${NET.unreachable4}/`])
  assert.notEqual(seen.code, 0)
  assert.deepEqual(plane.counted(), {})
  assert.equal(plane.kernel.identify(0).saved, undefined)
})

/** Pins the contract map on a file system of the test's own; both go with the test. */
function pinned(pin: (path: string) => void, shim: Shim, context: { after(run: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-bpffs-'))
  shim.call('understudy_mount_bpffs', folder)
  context.after(() => {
    execFileSync('umount', [folder])
    rmdirSync(folder)
  })
  const path = join(folder, 'orig_dst')
  pin(path)
  return path
}
