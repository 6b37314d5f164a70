/** A node without Kubernetes: a real container runtime with real pods, in namespaces and cgroups of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadShim } from '../../../src/kernel/shim.ts'
import { follow, SHIM_PATH, type Started, until } from '../lab.ts'
import { type Hierarchies, hierarchies, makeCgroup, makeKubepods } from './cgroup-trees.ts'
import { type Cri, connectCri } from './cri.ts'
import { createForwarding } from './forwarding.ts'
import { IMAGES, imageFile, imageReference } from './image.ts'
import type { MiniNode, MiniNodeOptions, Pod } from './interface.ts'
import { type Claim, claimNode, identityOf, type Leftovers, sweepLeftovers } from './leftovers.ts'
import { createPod, type NodeOfPods } from './pod.ts'
import { createPublishing } from './publishing.ts'
import { NODE_NET, writeRuntimeConfig } from './runtime-config.ts'

const INIT = fileURLToPath(new URL('node-init.sh', import.meta.url))
const RUN_TIMEOUT_MS = 20_000
const BACKLOG = 128
/** A person's Ctrl-C, and the test runner's way to end a file that hangs: the node goes all the same. */
const ENDS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

interface Running {
  readonly child: ChildProcess
  readonly pid: number
}

/** Starts the node's first process; it dies with this one, however this one ends. */
const startInit = async (folder: string, view: string): Promise<Running> => {
  const namespaces = ['--mount', '--net', '--pid', '--ipc', '--fork', '--kill-child=KILL']
  const init = ['sh', INIT, folder, view, NODE_NET.node4, NODE_NET.node6]
  const argv = ['--pdeathsig', 'KILL', 'unshare', ...namespaces, ...init]
  const child = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  const hear = (text: string): void => {
    said += text
  }
  child.stdout.setEncoding('utf8').on('data', hear)
  child.stderr.setEncoding('utf8').on('data', hear)
  await until('the node has its namespaces', () => {
    if (child.exitCode !== null) throw new Error(`the node's first process ended: ${said}`)
    return /^ready$/m.test(said)
  })
  return { child, pid: Number(/^pid (\d+)$/m.exec(said)?.[1]) }
}

/** Imports the images; the runtime's interface learns of them a moment later. */
const importImages = async (cri: Cri, socket: string): Promise<void> => {
  const ctr = ['ctr', '--address', socket, '--namespace', 'k8s.io', 'images', 'import', imageFile()]
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...ctr])
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(`the images cannot be imported: ${said}`)
  for (const name of IMAGES) await until(`the runtime has ${name}`, () => cri.hasImage(imageReference(name)))
}

interface Cgroups {
  readonly where: Hierarchies
  /** From a hierarchy's root. */
  readonly root: string
  readonly kubepods: string
  readonly created: Leftovers
}

const rootControllers = (unified: string): string[] =>
  readFileSync(join(unified, 'cgroup.subtree_control'), 'utf8').trim().split(' ').filter(Boolean)

const makeCgroups = (claim: Claim, options: MiniNodeOptions): Cgroups => {
  const where = hierarchies()
  const root = `/understudy-test-${claim.id}`
  const isPlain = options.kubepods === 'plain'
  const kubepods = isPlain ? '/kubepods' : `${root}/kubepods`
  if (isPlain && [where.unified, ...where.v1].some((mount) => existsSync(join(mount, kubepods)))) {
    throw new Error('there is a /kubepods cgroup already: of a kubelet, or of another test')
  }
  const available = readFileSync(join(where.unified, 'cgroup.controllers'), 'utf8').trim().split(' ').filter(Boolean)
  const enabled = rootControllers(where.unified)
  // In the view of version 2 alone, runc enables the root's controllers for its children.
  const enabledControllers = options.cgroupView === 'pure-v2' ? available.filter((name) => !enabled.includes(name)) : []
  const created = { cgroups: isPlain ? [root, kubepods] : [root], enabledControllers }
  claim.record(created)
  makeCgroup(where, root)
  makeKubepods(where, kubepods)
  mkdirSync(join(where.unified, root, 'outside'))
  return { where, root, kubepods, created }
}

/** `end`, called when this process ends in whatever way lets it. Returns how to take that back. */
const atTheEnd = (end: () => void): (() => void) => {
  // On, not once: a second signal must not end the process while it cleans up.
  const interrupted = (): void => process.exit(1)
  process.once('exit', end)
  for (const signal of ENDS) process.on(signal, interrupted)
  return () => {
    process.off('exit', end)
    for (const signal of ENDS) process.off(signal, interrupted)
  }
}

const programs = (initPid: number, outside: string): Pick<MiniNode, 'start' | 'run'> => {
  const start: MiniNode['start'] = (argv, { view = 'netns', cgroup = outside, env = {} } = {}) => {
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    const enter = ['nsenter', `--mount=/proc/${initPid}/ns/mnt`, '--']
    // The node's mounts, and what is mounted in them later, but a /proc in which the machine's pids mean something.
    const mounts = [
      'unshare',
      '--mount',
      '--propagation',
      'slave',
      'sh',
      '-c',
      'mount -t proc proc /proc; exec "$@"',
      'sh',
    ]
    const within = view === 'node' ? [...enter, ...mounts] : []
    const launch = [`${cgroup}/cgroup.procs`, `/proc/${initPid}/ns/net`, '-', '-', '-', '-', '--']
    return follow([...launch, ...within, ...(variables.length > 0 ? ['env', ...variables] : []), ...argv])
  }
  const run: MiniNode['run'] = async (argv, options) => {
    const started = start(argv, options)
    let late = false
    const limit = setTimeout(() => {
      late = true
      started.kill()
    }, RUN_TIMEOUT_MS)
    const result = await started.finished
    clearTimeout(limit)
    if (late) throw new Error(`${argv.join(' ')} did not end: ${result.stdout}${result.stderr}`)
    return result
  }
  return { start, run }
}

/** Sockets of the test's own process in the network of the node or of a pod. */
const listening = (nodeNetns: string, outside: string): Pick<MiniNode, 'listen' | 'bind'> => {
  const shim = loadShim(SHIM_PATH)
  const procs = join(outside, 'cgroup.procs')
  const within = <T>(path: string, make: (netns: number) => T): T => {
    const netns = shim.call('understudy_open_netns', path)
    try {
      return make(netns)
    } finally {
      shim.raw('understudy_close_fd', netns)
    }
  }
  return {
    listen: async (server, { host, port = 0, netnsPath = nodeNetns }) => {
      const fd = within(netnsPath, (netns) => shim.call('understudy_listen', procs, netns, host, port, BACKLOG, 0))
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ fd }, resolve))
      const address = server.address()
      return typeof address === 'object' && address ? address.port : 0
    },
    bind: async (socket, { host, port = 0, netnsPath = nodeNetns }) => {
      const fd = within(netnsPath, (netns) => shim.call('understudy_listen_udp', procs, netns, host, port, 0))
      await new Promise<void>((resolve, reject) => socket.once('error', reject).bind({ fd }, resolve))
      return socket.address().port
    },
  }
}

interface Parts {
  readonly claim: Claim
  readonly cgroups: Cgroups
  readonly initPid: number
  readonly criSocket: string
  readonly cri: Cri
  readonly close: () => Promise<void>
  readonly started: Set<Started>
  /** Called by close(). */
  readonly atClose: Set<() => void>
}

const assemble = async (parts: Parts, options: MiniNodeOptions): Promise<MiniNode> => {
  const { claim, cgroups, initPid, criSocket, cri, close, started, atClose } = parts
  const name = options.name ?? 'mini-node'
  const { unified } = cgroups.where
  const cgroupRoot = join(unified, cgroups.root)
  const netnsPath = `/proc/${initPid}/ns/net`
  const publishing = createPublishing()
  if (options.publisher) await publishing.add(options.publisher)
  const pods: Pod[] = []
  const outside = join(cgroupRoot, 'outside')
  const { start, run } = programs(initPid, outside)
  const nodeOfPods: NodeOfPods = {
    ...{ name, cri, publishing, where: cgroups.where, kubepods: cgroups.kubepods, logs: join(claim.folder, 'logs') },
    addresses: [NODE_NET.node4, NODE_NET.node6],
    initPid,
    removed: (pod) => void pods.splice(pods.indexOf(pod), 1),
  }
  const sockets = listening(netnsPath, outside)
  const forwarding = createForwarding((server) => sockets.listen(server, { host: '127.0.0.1' }))
  atClose.add(forwarding.close)
  const track = (program: Started): Started => {
    started.add(program)
    return program
  }
  return {
    ...{
      id: claim.id,
      folder: claim.folder,
      name,
      criSocket,
      cgroupRoot,
      outside,
      netnsPath,
      initPid,
      pods,
      run,
      close,
    },
    addresses: { v4: NODE_NET.node4, v6: NODE_NET.node6 },
    kubepods: join(unified, cgroups.kubepods),
    createPod: async (podOptions) => {
      const pod = await createPod(nodeOfPods, podOptions)
      pods.push(pod)
      return pod
    },
    start: (argv, runOptions) => track(start(argv, runOptions)),
    ...sockets,
    forward: forwarding.forward,
    publishTo: publishing.add,
    runtimeLog: () => readFileSync(join(claim.folder, 'containerd.log'), 'utf8'),
  }
}

/**
 * Starts a node, after removing what killed runs have left of theirs. Call requireMiniNode() first, from a main thread:
 * the kernel ends the node with the thread that started it. close() it; it also goes with the process.
 */
export const startMiniNode = async (options: MiniNodeOptions = {}): Promise<MiniNode> => {
  sweepLeftovers()
  const claim = claimNode()
  const forget = atTheEnd(claim.release)
  const started = new Set<Started>()
  const atClose = new Set<() => void>()
  let cri: Cri | undefined
  const close = async (): Promise<void> => {
    cri?.close()
    for (const end of atClose) end()
    for (const program of started) program.kill()
    await Promise.all([...started].map((program) => program.finished))
    started.clear()
    claim.release()
    forget()
  }
  try {
    const view = options.cgroupView ?? 'machine'
    const cgroups = makeCgroups(claim, options)
    writeRuntimeConfig(claim.folder, view)
    const { pid: initPid } = await startInit(claim.folder, view)
    claim.record({ ...cgroups.created, init: identityOf(initPid) })
    const criSocket = `/proc/${initPid}/root/run/containerd/containerd.sock`
    const log = join(claim.folder, 'containerd.log')
    await until(`the runtime listens (${log})`, () => existsSync(criSocket))
    cri = connectCri(criSocket)
    await importImages(cri, criSocket)
    return await assemble({ claim, cgroups, initPid, criSocket, cri, close, started, atClose }, options)
  } catch (error) {
    await close()
    throw error
  }
}
