/** The BPF programs attached to a site's cgroup, redirecting to a listener that belongs to whoever asked. */
import { mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { PolicyRecord } from '../../src/kernel/layout.ts'
import { type Kernel, loadKernel } from '../../src/kernel/programs.ts'
import { OBJECT_PATH } from '../../test/support/lab.ts'
import type { Site } from './site.ts'

/** Connections of the workload to this port are left alone. */
export const EXCLUDED_PORT = 8081
export const LISTEN_PORT = 15001
/** The policy's number. */
export const WORKLOAD = 1
const BACKLOG = 4096

export interface Attached {
  readonly kernel: Kernel
  /** The policy that was set. */
  readonly policy: PolicyRecord
  /** The marked listener in the workload's namespace; not accepting by itself. */
  readonly listener: number
  /** Where the map of original destinations is pinned. */
  readonly pin: string
  close(): void
}

let pinned = 0

/** Loads, listens, attaches. `source4` is the address a redirected connection keeps. */
export const attach = (site: Site, source4: string): Attached => {
  const { shim, cgroups, appNetnsFd } = site.lab
  const kernel = loadKernel(shim, {
    objectPath: OBJECT_PATH,
    heartbeatIntervalMs: 1000,
    heartbeatStaleMs: 60_000,
    flowCapacity: 65_536,
    ringBytes: 4 << 20,
    mark: 0,
    byNetns: false,
  })
  const folder = `/sys/fs/bpf/understudy-bench-${process.pid}-${++pinned}`
  const pin = `${folder}/orig_dst`
  mkdirSync(folder)
  kernel.pinOriginalDestinations(pin)
  const procs = `${cgroups.listener}/cgroup.procs`
  const listener = shim.call('understudy_listen', procs, appNetnsFd, '127.0.0.1', LISTEN_PORT, BACKLOG, 0)
  kernel.markListener(listener, WORKLOAD)
  const policy = {
    id: WORKLOAD,
    flags: 0,
    listenPort4: LISTEN_PORT,
    listenPort6: 0,
    dnsPort4: 0,
    dnsPort6: 0,
    source4,
    source6: '',
    excludedPorts: [{ first: EXCLUDED_PORT, last: EXCLUDED_PORT }],
  }
  kernel.setPolicy(0n, policy)
  kernel.startHeartbeat()
  kernel.attach(cgroups)
  return {
    kernel,
    policy,
    listener,
    pin,
    close: () => {
      kernel.close()
      rmSync(pin, { force: true })
      rmdirSync(folder)
    },
  }
}

/** A listener that no program knows, in a network namespace. */
export const plainListener = ({ lab: { shim } }: Site, netns: string, address: string, port: number): number => {
  const namespace = shim.call('understudy_open_netns', netns)
  const fd = shim.call('understudy_listen', '', namespace, address, port, BACKLOG, 0)
  shim.call('understudy_close_fd', namespace)
  return fd
}

/** Accepts on a descriptor with Node itself. */
export const adopt = (fd: number, connected: Parameters<typeof createServer>[1]): Promise<() => void> =>
  new Promise((resolve, reject) => {
    const server = createServer({ pauseOnConnect: true }, connected)
    server.once('error', reject)
    server.listen({ fd }, () => resolve(() => void server.close()))
  })
