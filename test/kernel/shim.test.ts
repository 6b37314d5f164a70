import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openNetns } from '../../src/kernel/netns.ts'
import { loadKernel } from '../../src/kernel/programs.ts'
import { dial, serveWorld } from '../support/client.ts'
import { failure } from '../support/failure.ts'
import { fixture, type Lab, labTest, NET, OBJECT_PATH, SHIM_PATH, until } from '../support/lab.ts'
import { startPlane } from '../support/plane.ts'

const kernelTest = labTest('shim')

/** A folder of the test's own. */
const folder = (context: { after(run: () => void): void }): string => {
  const path = mkdtempSync(join(tmpdir(), 'understudy-shim-'))
  context.after(() => rmSync(path, { recursive: true }))
  return path
}

const procs = (cgroup: string): string => join(cgroup, 'cgroup.procs')
const sourceTowards = (lab: Lab, netnsFd: number, towards: string): string => {
  const text = Buffer.alloc(64)
  return text.toString('latin1', 0, lab.shim.call('understudy_source_address', netnsFd, towards, text, text.length))
}

kernelTest('a listener opened for the app is reached in its namespace and nowhere else', async (lab, context) => {
  const fd = lab.shim.call('understudy_listen', '', lab.appNetnsFd, NET.app4, 8000, 16, 0)
  const server = createServer((socket) => void socket.end('hello from the app')).listen({ fd })
  context.after(() => server.close())
  const fetched = await lab.run('world', ['socat', '-u', `TCP:${NET.app4}:8000`, '-'])
  assert.equal(fetched.stdout, 'hello from the app')
  assert.equal((await lab.run('world', ['curl', '-s', `http://${NET.world4}:8000/`])).code, 7)
  assert.deepEqual(server.address(), { address: NET.app4, family: 'IPv4', port: 8000 })
})

kernelTest('a UDP socket opened for the app receives in its namespace, and shares its port with TCP only', (lab) => {
  const tcp = lab.shim.call('understudy_listen', '', lab.appNetnsFd, '127.0.0.1', 8053, 16, 0)
  const udp = lab.shim.call('understudy_listen_udp', '', lab.appNetnsFd, '127.0.0.1', 8053, 0)
  const again = failure(() => lab.shim.call('understudy_listen_udp', '', lab.appNetnsFd, '127.0.0.1', 8053, 0))
  assert.equal(again.facts['errno'], 'EADDRINUSE')
  const here = lab.shim.call('understudy_listen_udp', '', -1, '127.0.0.1', 8053, 0)
  for (const fd of [tcp, udp, here]) lab.shim.call('understudy_close_fd', fd)
})

kernelTest('a UDP socket for questions of our own asks from the namespace of the app', async (lab, context) => {
  const echo = lab.start('world', ['socat', '-u', '-d', '-d', 'UDP-RECVFROM:8054', '-'])
  context.after(() => echo.kill())
  const netns = openNetns(lab.shim, lab.appNetns)
  context.after(netns.close)
  const fd = netns.makeUdpSocket(false, 0)
  const socket = createSocket('udp4')
  context.after(() => void socket.close())
  await new Promise<void>((resolve) => socket.bind({ fd }, resolve))
  await until('the datagram has arrived', async () => {
    socket.send('from the app', 8054, NET.world4)
    return (await Promise.race([echo.finished, new Promise((resolve) => setTimeout(resolve, 20))])) !== undefined
  })
  assert.equal((await echo.finished).stdout, 'from the app')
})

kernelTest('a listener belongs to the cgroup it was made for', async (lab, context) => {
  const elsewhere = lab.addCgroups('elsewhere')
  const plane = await startPlane({ ...lab, cgroups: { ...lab.cgroups, listener: elsewhere.listener } })
  context.after(plane.close)
  assert.equal(readFileSync(procs(elsewhere.listener), 'utf8'), '', 'its maker has left, and we have not entered')
  assert.equal((await dial(lab, { to: [NET.served4, 80] })).answer, 'understudy')
  // outside the tree nobody hands it a record
  assert.equal(plane.accepted[0]?.saved, undefined)
  assert.deepEqual(plane.counted(), { redirected: 1 })
  await plane.emptied()
})

kernelTest('a transparent listener takes an address that is not of its namespace', (lab) => {
  const TRANSPARENT = 1
  for (const address of [NET.served4, NET.served6]) {
    const refused = failure(() => lab.shim.call('understudy_listen', '', lab.appNetnsFd, address, 8002, 1, 0))
    assert.equal(refused.facts['errno'], 'EADDRNOTAVAIL')
    const fd = lab.shim.call('understudy_listen', '', lab.appNetnsFd, address, 8002, 1, TRANSPARENT)
    lab.shim.call('understudy_close_fd', fd)
  }
})

kernelTest('a knock comes from the cgroup and the namespace it is sent from', async (lab, context) => {
  const plane = await startPlane(lab)
  context.after(plane.close)
  const knock = (netnsFd: number, cgroup: string) =>
    lab.shim.raw('understudy_knock', procs(cgroup), netnsFd, NET.served4, 80)
  assert.equal(knock(lab.appNetnsFd, lab.cgroups.workload), 0)
  assert.equal(plane.counted()['redirected'], 1)
  assert.equal(readFileSync(procs(lab.cgroups.workload), 'utf8'), '', 'its sender has left, and we have not entered')
  assert.equal(knock(lab.appNetnsFd, lab.cgroups.listener), 0)
  assert.equal(plane.counted()['redirected'], undefined)
})

kernelTest('a listener on IPv6 leaves the same port on IPv4 free', (lab) => {
  const six = lab.shim.call('understudy_listen', '', lab.appNetnsFd, '::', 8001, 16, 0)
  const four = lab.shim.call('understudy_listen', '', lab.appNetnsFd, '0.0.0.0', 8001, 16, 0)
  const error = failure(() => lab.shim.call('understudy_listen', '', lab.appNetnsFd, '0.0.0.0', 8001, 16, 0))
  assert.equal(error.facts['errno'], 'EADDRINUSE')
  for (const fd of [six, four]) lab.shim.call('understudy_close_fd', fd)
})

kernelTest('a socket made for the app is the app to the server it dials', async (lab, context) => {
  const server = await serveWorld(lab, [80])
  context.after(() => server.kill())
  for (const [ipv6, source, host, expected] of [
    [0, '', NET.served4, `world ${NET.app4} at ${NET.served4} 80`],
    [1, '', NET.served6, `world ${NET.app6} at ${NET.served6} 80`],
    [0, '169.254.7.1', NET.served4, `world 169.254.7.1 at ${NET.served4} 80`],
    [1, NET.app6, NET.served6, `world ${NET.app6} at ${NET.served6} 80`],
    [0, NET.app4, NET.served4, `world ${NET.app4} at ${NET.served4} 80`],
  ] as const) {
    const fd = lab.shim.call('understudy_socket', lab.appNetnsFd, ipv6, 99, source)
    const socket = new Socket({ fd })
    assert.equal((await answerOf(socket, host)).split('\r\n\r\n')[1], expected)
  }
})

kernelTest('the test process is where it was after all this', (lab) => {
  assert.equal(sourceTowards(lab, lab.appNetnsFd, NET.served4), NET.app4)
  assert.notEqual(sourceTowards(lab, -1, NET.app4), NET.app4)
})

kernelTest('the source address is the one the routing table would choose', (lab) => {
  const world = lab.shim.call('understudy_open_netns', lab.worldNetns)
  assert.equal(sourceTowards(lab, lab.appNetnsFd, NET.served6), NET.app6)
  assert.equal(sourceTowards(lab, lab.appNetnsFd, '127.0.0.1'), '127.0.0.1')
  assert.equal(sourceTowards(lab, world, NET.app4), NET.world4)
  assert.equal(sourceTowards(lab, world, '198.51.100.1'), '', 'no route, no address')
  assert.equal(failure(() => sourceTowards(lab, world, 'localhost')).facts['errno'], 'EINVAL')
  lab.shim.call('understudy_close_fd', world)
})

kernelTest('two namespaces have two cookies, and each keeps its own', (lab) => {
  const cookie = (fd: number): bigint => {
    const bytes = Buffer.alloc(8)
    lab.shim.call('understudy_netns_cookie', fd, bytes)
    return bytes.readBigUInt64LE()
  }
  assert.notEqual(cookie(lab.appNetnsFd), cookie(-1))
  assert.equal(cookie(lab.appNetnsFd), cookie(lab.appNetnsFd))
})

kernelTest("/proc/net is read as the app's namespace shows it", (lab) => {
  const buffer = Buffer.alloc(65_536)
  const read = (netnsFd: number, name: string, capacity = buffer.length): string =>
    buffer.toString('latin1', 0, lab.shim.call('understudy_read_proc_net', netnsFd, name, buffer, capacity))
  assert.match(read(lab.appNetnsFd, 'dev'), /wire0:/)
  assert.doesNotMatch(read(-1, 'dev'), /wire0:/)
  assert.equal(read(lab.appNetnsFd, 'dev', 7).length, 7)
  assert.equal(failure(() => read(lab.appNetnsFd, 'nothing')).facts['errno'], 'ENOENT')
  assert.equal(failure(() => read(lab.appNetnsFd, '../mounts')).facts['errno'], 'EINVAL')
})

kernelTest('a lock is exclusive while its holder lives, and free when it dies', async (lab, context) => {
  const path = join(folder(context), 'agent.lock')
  const program = `
    const { loadShim } = await import(${JSON.stringify(new URL('../../src/kernel/shim.ts', import.meta.url).href)})
    loadShim(${JSON.stringify(SHIM_PATH)}).call('understudy_lock', ${JSON.stringify(path)})
    console.log('locked')
    setInterval(() => {}, 1000)`
  const holder = lab.start('app', [process.execPath, '--input-type=module', '-e', program])
  context.after(() => holder.kill())
  await holder.said('locked')
  assert.equal(failure(() => lab.shim.call('understudy_lock', path)).facts['errno'], 'EAGAIN')
  holder.kill('SIGKILL')
  await holder.finished
  const fd = lab.shim.call('understudy_lock', path)
  assert.equal(failure(() => lab.shim.call('understudy_lock', path)).facts['errno'], 'EAGAIN')
  lab.shim.call('understudy_close_fd', fd)
  lab.shim.call('understudy_close_fd', lab.shim.call('understudy_lock', path))
})

kernelTest('what the kernel refuses arrives as an error that names call and errno', (lab, context) => {
  const cases: readonly [string, () => unknown, string][] = [
    ['open_netns', () => lab.shim.call('understudy_open_netns', '/run/netns/there-is-none'), 'ENOENT'],
    ['netns_cookie', () => lab.shim.call('understudy_netns_cookie', 9999, Buffer.alloc(8)), 'EBADF'],
    ['listen', () => lab.shim.call('understudy_listen', '/there/is/none', -1, '127.0.0.1', 0, 1, 0), 'ENOENT'],
    ['listen', () => lab.shim.call('understudy_listen', '', lab.appNetnsFd, 'not an address', 0, 1, 0), 'EINVAL'],
    ['listen', () => lab.shim.call('understudy_listen', '', lab.appNetnsFd, NET.world4, 0, 1, 0), 'EADDRNOTAVAIL'],
    ['socket', () => lab.shim.call('understudy_socket', lab.appNetnsFd, 0, 0, NET.world4), 'EADDRNOTAVAIL'],
    ['lock', () => lab.shim.call('understudy_lock', join(folder(context), 'no', 'such')), 'ENOENT'],
    ['load', () => lab.shim.call('understudy_load', 159), 'EBADF'],
    ['open', () => lab.shim.call('understudy_open', '/there/is/none.o'), 'ENOENT'],
    ['close_fd', () => lab.shim.call('understudy_close_fd', 9999), 'EBADF'],
  ]
  for (const [call, work, errno] of cases) {
    const error = failure(work)
    assert.equal(error.code, 'KERNEL_CALL_FAILED', call)
    assert.equal(error.message, `${call}: ${errno}`)
    assert.deepEqual([error.facts['call'], error.facts['errno']], [`understudy_${call}`, errno])
  }
})

const OPTIONS = {
  objectPath: OBJECT_PATH,
  heartbeatIntervalMs: 1000,
  heartbeatStaleMs: 5000,
  flowCapacity: 1024,
  ringBytes: 4096,
  mark: 0,
  byNetns: false,
} as const

kernelTest('an attach that cannot be names program and cgroup', (lab, context) => {
  const kernel = loadKernel(lab.shim, OPTIONS)
  context.after(kernel.close)
  const error = failure(() => kernel.attach({ workload: '/there/is/none', tree: lab.cgroups.tree }))
  assert.equal(error.code, 'ATTACH_REFUSED')
  assert.equal(error.message, 'cannot attach restore_peername6 to /there/is/none: ENOENT')
})

kernelTest('an attach to something that is not a cgroup is refused', (lab, context) => {
  const kernel = loadKernel(lab.shim, OPTIONS)
  context.after(kernel.close)
  const error = failure(() => kernel.attach({ workload: '/tmp', tree: '/tmp' }))
  assert.equal(error.code, 'ATTACH_REFUSED')
  assert.equal(error.facts['errno'], 'EBADF')
})

kernelTest('what the kernel does not load is an error, and leaves no handle or descriptor', (lab) => {
  const before = openDescriptors()
  for (let i = 0; i < 20; i++) {
    const error = failure(() => loadKernel(lab.shim, { ...OPTIONS, flowCapacity: 0 }))
    assert.equal(error.code, 'KERNEL_FEATURE_MISSING')
    assert.equal(error.facts['errno'], 'EINVAL')
  }
  assert.equal(openDescriptors(), before)
})

kernelTest('loading and closing again and again leaks neither handle nor descriptor', (lab) => {
  loadKernel(lab.shim, OPTIONS).close()
  const before = openDescriptors()
  for (let i = 0; i < 20; i++) loadKernel(lab.shim, OPTIONS).close()
  assert.equal(openDescriptors(), before)
})

kernelTest('one set of programs more than there is room for is refused, and the others work on', (lab, context) => {
  const kernel = loadKernel(lab.shim, OPTIONS)
  const handles: number[] = []
  context.after(() => {
    for (const handle of handles) lab.shim.raw('understudy_close', handle)
    kernel.close()
  })
  // not loaded: that would take long
  for (let handle = 0; handle >= 0; ) {
    handle = lab.shim.raw('understudy_open', OBJECT_PATH)
    if (handle >= 0) handles.push(handle)
  }
  assert.equal(handles.length, 159)
  assert.equal(failure(() => loadKernel(lab.shim, OPTIONS)).facts['errno'], 'EMFILE')
  assert.equal(kernel.readMapEntries()['orig_dst'], 0)
})

kernelTest('a process with programs still loaded ends by itself', async (lab) => {
  const orders = JSON.stringify({ netns: lab.appNetns, cgroups: lab.cgroups, options: {} })
  const agent = lab.start('world', [process.execPath, fixture('agent.ts'), orders])
  await agent.said('listening')
  agent.tell('quit')
  assert.equal((await agent.finished).code, 0)
})

kernelTest('a command is born in its cgroup and namespace, and its exit code comes back', async (lab) => {
  const where = await lab.run('workload', ['sh', '-c', 'cat /proc/self/cgroup; ip -o link; exit 42'])
  assert.equal(where.code, 42)
  assert.match(where.stdout, /-shim\/tree\/workload$/m)
  assert.match(where.stdout, /wire0/)
  assert.equal((await lab.run('workload', ['there-is-no-such-command'])).code, 127)
  assert.equal((await lab.run('workload', ['/etc/passwd'])).code, 126)
})

const openDescriptors = (): number => readdirSync('/proc/self/fd').length

/** What the server says to one request. */
function answerOf(socket: Socket, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.on('data', (part) => {
      text += part
    })
    socket.once('error', reject)
    socket.once('end', () => resolve(text))
    socket.connect(80, host, () => socket.write('GET / HTTP/1.0\r\n\r\n'))
  })
}
