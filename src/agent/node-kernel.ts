/** The programs on the cgroup of all pods: loaded, attached or taken over, and looked after. */
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from '../config/schema.ts'
import { netnsOf, openNetns } from '../kernel/netns.ts'
import { outdatedPinFolders, pinFolder, unpinAll } from '../kernel/pins.ts'
import { type Kernel, loadKernel } from '../kernel/programs.ts'
import type { Shim } from '../kernel/shim.ts'
import { PATHS } from '../paths.ts'
import { lockPorts } from '../run/rules-left.ts'
import type { ListenerCgroup } from '../workloads/cgroup.ts'
import { isInside } from '../workloads/pods/inside-pods.ts'
import { sampleCosts } from './cost-samples.ts'
import { agentLives } from './ownership.ts'

/** The cgroup that an agent outside of the pods' makes below it, for its listeners' sockets. */
const LISTENERS = 'understudy-listeners'

export interface NodeKernel {
  readonly kernel: Kernel
  readonly hostNetnsCookie: bigint
  readonly listeners: ListenerCgroup
  releaseMemory(): void
  /** Attaches to the pods' cgroup, in place of an elder agent's programs. Throws ATTACH_REFUSED; may be called again then. */
  attach(podsCgroup: string): void
  /** Called when this agent counts as living no more. */
  close(removesPins: boolean): void
}

/** By the node's first process; where that is out of our reach, as in a nested machine, by ourselves. */
const cookieOfNode = (shim: Shim, procFolder: string): bigint => {
  const fd = shim.raw('understudy_open_netns', `${procFolder}/1/ns/net`)
  const host = fd < 0 ? openNetns(shim, undefined) : netnsOf(shim, fd)
  try {
    return host.netnsCookie()
  } finally {
    host.close()
  }
}

export const loadNodeKernel = (shim: Shim, config: Config, log: Logger): NodeKernel => {
  const hostNetnsCookie = cookieOfNode(shim, config.procFolder)
  const kernel = loadKernel(shim, {
    objectPath: PATHS.bpfObject,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    heartbeatStaleMs: config.heartbeatStaleMs,
    flowCapacity: config.flowCapacity,
    ringBytes: config.ringBytes,
    mark: config.agentMark,
    byNetns: true,
    hostNetnsCookie,
    observesAll: true,
    pins: config.pinFolder,
  })
  const { pinned, why, adopted, keptCapacities } = kernel.pins
  if (pinned) log.info({ folder: pinFolder(config.pinFolder), adopted, keptCapacities }, 'the maps are pinned')
  else log.warn({ why }, 'nothing can be pinned: interception ends with this agent, and a successor begins anew')
  const endSamples = config.programCosts
    ? sampleCosts(kernel, (err) => log.warn({ err }, 'the kernel does not measure what the programs cost'))
    : undefined
  let listenersPath = ''
  const listeners: ListenerCgroup = {
    /** Made anew should it be gone: another agent that ends may take it for its own. */
    get listener() {
      if (listenersPath !== '') mkdirSync(listenersPath, { recursive: true })
      return listenersPath
    },
  }
  let isBeating = false
  return {
    kernel,
    hostNetnsCookie,
    listeners,
    releaseMemory: () => void shim.raw('understudy_trim_memory'),
    attach: (podsCgroup) => {
      if (!isInside({ podsCgroup })) {
        listenersPath = join(podsCgroup, LISTENERS)
      }
      if (!isBeating) kernel.startHeartbeat()
      isBeating = true
      const done = kernel.attachNode({ podsCgroup, dns: config.dnsEnabled })
      log.info({ podsCgroup, hooks: done, listeners: listeners.listener || 'own cgroup' }, 'the programs are attached')
      for (const folder of outdatedPinFolders(config.pinFolder)) {
        log.info({ folder, removed: unpinAll(folder) }, 'removed the pins of another version')
      }
    },
    close: (removesPins) => {
      endSamples?.()
      kernel.close()
      if (removesPins) unpinAll(pinFolder(config.pinFolder))
      try {
        // Sockets do not keep it: it is removed with those of another agent in it.
        if (listenersPath !== '' && !agentLives(config.stateFolder, lockPorts(shim))) rmdirSync(listenersPath)
      } catch {
        // a child of another agent's is in it just now
      }
    },
  }
}
