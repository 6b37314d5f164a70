/** A node's agent at work in a lab: its programs on a cgroup of pods, and listeners in the pods' network namespaces. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { acceptedFd } from '../../src/intercept/accepted-fd.ts'
import type { PolicyRecord } from '../../src/kernel/layout.ts'
import { LISTEN_LATER, LISTEN_REUSEPORT, netnsOf } from '../../src/kernel/netns.ts'
import { type Kernel, type KernelOptions, loadKernel } from '../../src/kernel/programs.ts'
import type { Shim } from '../../src/kernel/shim.ts'
import { type Lab, OBJECT_PATH, type Started } from './lab.ts'
import { httpAnswer } from './plane.ts'

/** A cgroup of pods; below it the pods', and the agent's own. */
export interface PodsCgroup {
  readonly tree: string
  readonly workload: string
  readonly listener: string
}

/** Loads as a node's agent does: policies by netns cookie, every pod observed. */
export const loadNode = (shim: Shim, options: Partial<KernelOptions> = {}): Kernel =>
  loadKernel(shim, {
    objectPath: OBJECT_PATH,
    heartbeatIntervalMs: 1000,
    heartbeatStaleMs: 60_000,
    flowCapacity: 4096,
    ringBytes: 1 << 20,
    mark: 0,
    byNetns: true,
    observesAll: true,
    ...options,
  })

export interface Enrolled {
  readonly netnsCookie: bigint
  readonly policy: PolicyRecord
  /** Stops listening; the policy stays. */
  stop(): void
}

export interface EnrolOptions {
  readonly id: number
  /** What its listener answers each HTTP request with, and where the connection was going. */
  readonly name: string
  /** 0 takes any free port. */
  readonly port?: number
  readonly flags?: number
}

const listen = (fd: number, connected: (socket: Socket) => void): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer(connected)
    server.once('error', reject)
    server.listen({ fd }, 4096, () => resolve(server))
  })

/** Listens on 127.0.0.1 in a network namespace, for the pods whose policy it then sets. */
export const enrol = async (
  shim: Shim,
  kernel: Kernel,
  at: { readonly netnsPath: string; readonly cgroup: string },
  { id, name, port = 0, flags = 0 }: EnrolOptions,
): Promise<Enrolled> => {
  const netns = netnsOf(shim, shim.call('understudy_open_netns', at.netnsPath))
  const fd = netns.listen(join(at.cgroup, 'cgroup.procs'), '127.0.0.1', port, 4096, LISTEN_REUSEPORT | LISTEN_LATER)
  if (fd < 0) throw new Error(`cannot listen: ${fd}`)
  kernel.startListener(fd, id, 4096)
  const open = new Set<Socket>()
  const server = await listen(fd, (socket) => {
    const { saved } = kernel.identify(acceptedFd(socket))
    const where = saved ? `${saved.destination.address} ${saved.destination.port}` : 'nowhere'
    open.add(socket.on('close', () => open.delete(socket)))
    socket.on('error', () => {}) // resets are part of the tests
    socket.once('data', () => socket.end(httpAnswer(`${name}: ${where}`)))
  })
  const address = server.address()
  const policy: PolicyRecord = {
    id,
    flags,
    listenPort4: typeof address === 'object' && address ? address.port : 0,
    listenPort6: 0,
    dnsPort4: 0,
    dnsPort6: 0,
    source4: '',
    source6: '',
    excludedPorts: [],
  }
  const netnsCookie = netns.netnsCookie()
  netns.close()
  kernel.setPolicy(netnsCookie, policy)
  return {
    netnsCookie,
    policy,
    stop: () => {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}

/** A network namespace with loopback and a route to nowhere, as much of a pod as redirection needs. */
export const makePod = (name: string): { readonly path: string; remove(): void } => {
  const ip = (...argv: string[]): void => void execFileSync('/usr/sbin/ip', argv)
  ip('netns', 'add', name)
  const remove = (): void => ip('netns', 'delete', name)
  try {
    for (const line of [
      'link set lo up',
      'link add wire0 type veth peer name wire1',
      'link set wire1 up',
      'link set wire0 up',
      'addr add 10.77.0.1/24 dev wire0',
      'route add default dev wire0',
    ])
      ip('-n', name, ...line.split(' '))
  } catch (error) {
    remove()
    throw error
  }
  return { path: `/run/netns/${name}`, remove }
}

/** One HTTP request of a pod; the body of the answer. */
export const fetchFrom = async (lab: Lab, netns: string, cgroup: string, url: string): Promise<string> => {
  const argv = ['nsenter', `--net=${netns}`, 'curl', '-s', '-m', '5', url]
  return (await lab.run('app', argv, cgroup)).stdout
}

/** Kills what was started and waits until it is gone, and its port free for the next test. */
export const ended = async (started: Started): Promise<void> => {
  started.kill()
  await started.finished
}

/** A BPF file system of the test's own; it goes with the test. */
export const ownBpffs = (shim: Shim, context: { after(run: () => void): void }): string => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-pins-'))
  shim.call('understudy_mount_bpffs', folder)
  context.after(() => {
    execFileSync('umount', ['-l', folder])
    rmdirSync(folder)
  })
  return folder
}

/** An agent in a process of its own (test/fixtures/kernel/node-agent.ts); `ask` waits for the answer to one word. */
export const nodeAgent = async (
  lab: Lab,
  script: string,
  orders: unknown,
): Promise<Started & { ask(word: string): Promise<string> }> => {
  const started = lab.start('app', [process.execPath, script, JSON.stringify(orders)])
  await started.said('attached')
  let asked = 0
  return {
    ...started,
    ask: async (word) => {
      const end = `<${++asked}>`
      started.tell(word)
      const all = await started.said(end)
      return all.slice(0, all.indexOf(end)).split('\n').at(-1) ?? ''
    },
  }
}
