import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { LISTEN_LATER, LISTEN_REUSEPORT, type Netns, openNetns } from '../../src/kernel/netns.ts'
import type { Kernel } from '../../src/kernel/programs.ts'
import { type Lab, labTest, until } from '../support/lab.ts'
import { loadNode } from '../support/node.ts'

const kernelTest = labTest('node-listeners')
const HOST = '127.0.0.1'
const SHARED = LISTEN_REUSEPORT | LISTEN_LATER

type Context = { after(run: () => void): void }

const inApp = (lab: Lab, context: Context): { netns: Netns; kernel: Kernel } => {
  const netns = openNetns(lab.shim, lab.appNetns)
  const kernel = loadNode(lab.shim)
  context.after(() => {
    kernel.close()
    netns.close()
  })
  return { netns, kernel }
}

/** Accepts on a descriptor and tells each client who it is. */
const serve = (fd: number, name: string): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer((socket) => void socket.end(name))
    server.listen({ fd }, 64, () => resolve(server))
  })

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

/** Who answered each of so many connections. */
const answers = async (lab: Lab, port: number, count = 50): Promise<Record<string, number>> => {
  const script = `
import socket, collections, json
seen = collections.Counter()
for _ in range(${count}):
    with socket.create_connection(('${HOST}', ${port})) as s: seen[s.recv(99).decode()] += 1
print(json.dumps(seen))`
  return JSON.parse((await lab.run('app', ['python3', '-S', '-E', '-c', script])).stdout) as Record<string, number>
}

const closed = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))

kernelTest(
  'of two listeners on a port the younger gets all that comes, and alone each gets it',
  async (lab, context) => {
    const { netns, kernel } = inApp(lab, context)
    const start = async (name: string, port: number): Promise<Server> => {
      const fd = netns.listen('', HOST, port, 64, SHARED)
      assert.ok(fd >= 0, name)
      kernel.startListener(fd, 1, 64)
      return await serve(fd, name)
    }
    const elder = await start('elder', 0)
    const port = portOf(elder)
    assert.deepEqual(await answers(lab, port), { elder: 50 })
    const younger = await start('younger', port)
    assert.deepEqual(await answers(lab, port), { younger: 50 })
    await closed(elder)
    assert.deepEqual(await answers(lab, port), { younger: 50 })
    const youngest = await start('youngest', port)
    assert.deepEqual(await answers(lab, port), { youngest: 50 })
    await closed(youngest)
    assert.deepEqual(await answers(lab, port), { younger: 50 }, 'one that fails hands back')
    await closed(younger)
  },
)

kernelTest('a listener that is to be marked first accepts nothing before', async (lab, context) => {
  const { netns, kernel } = inApp(lab, context)
  const fd = netns.listen('', HOST, 15_100, 64, LISTEN_LATER)
  const early = netns.connectFrom('', HOST, 15_100)
  const refused = await lab.run('app', ['socat', '-u', `TCP:${HOST}:15100`, '-'])
  assert.match(refused.stderr, /refused/)
  netns.closeFd(early)
  kernel.startListener(fd, 1, 64)
  const server = await serve(fd, 'late')
  assert.deepEqual(await answers(lab, 15_100, 3), { late: 3 })
  await closed(server)
  assert.throws(() => kernel.startListener(0, 1, 64), /start_listener/)
})

kernelTest('a port is not shared with a listener that did not say so', (lab, context) => {
  const { netns } = inApp(lab, context)
  const alone = netns.listen('', HOST, 15_101, 64)
  const EADDRINUSE = -98
  assert.equal(netns.listen('', HOST, 15_101, 64, SHARED), EADDRINUSE)
  netns.closeFd(alone)
})

kernelTest('of two DNS sockets on a port the younger gets the datagrams', async (lab, context) => {
  const { netns } = inApp(lab, context)
  const got: string[] = []
  const start = async (name: string) => {
    const socket = createSocket('udp4', () => void got.push(name))
    const fd = netns.listenUdp('', HOST, 15_053, LISTEN_REUSEPORT)
    assert.ok(fd >= 0, name)
    await new Promise<void>((resolve) => socket.bind({ fd }, resolve))
    context.after(() => void socket.close())
  }
  const ask = () =>
    lab.run('app', ['sh', '-c', `for i in 1 2 3 4 5 6 7 8; do echo $i | socat -u - UDP-SENDTO:${HOST}:15053; done`])
  await start('elder')
  await ask()
  await until('the elder has heard', () => got.length === 8)
  await start('younger')
  await ask()
  await until('somebody has heard', () => got.length === 16)
  assert.deepEqual(
    got.slice(8),
    Array.from({ length: 8 }, () => 'younger'),
  )
})

kernelTest(
  'a listener made without a child process belongs to our own cgroup, in the namespace it was asked for',
  (lab, context) => {
    const { netns } = inApp(lab, context)
    const ours = netns.listen('', HOST, 15_102, 64)
    const theirs = netns.listen(join(lab.cgroups.listener, 'cgroup.procs'), HOST, 15_103, 64)
    assert.ok(ours >= 0 && theirs >= 0)
    assert.match(netns.readProcNet('tcp'), /0100007F:3AFE /)
    netns.closeFd(ours)
    netns.closeFd(theirs)
  },
)
