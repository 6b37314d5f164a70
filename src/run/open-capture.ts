/**
 * How one run gets hold of its command's connections: the BPF programs, or rules of a packet filter. Both come in two
 * steps: what can fail on this machine, then, once the listeners are open, what sends connections there.
 */
import type { Logger } from 'pino'
import { type Capture, type CaptureMode, type LeftRules, refused, type Target } from '../capture/capture.ts'
import { choose } from '../capture/choose.ts'
import { createIptables } from '../capture/iptables.ts'
import { createNft } from '../capture/nft.ts'
import { createTproxy } from '../capture/tproxy.ts'
import type { Config } from '../config/schema.ts'
import { UnderstudyError } from '../errors.ts'
import { type Identify, noKernel } from '../intercept/listener.ts'
import type { Netns } from '../kernel/netns.ts'
import { type Kernel, loadKernel } from '../kernel/programs.ts'
import type { Shim } from '../kernel/shim.ts'
import { PATHS } from '../paths.ts'
import type { Recorder } from '../record/recorder.ts'
import type { EvidencePorts } from '../resolve/chain.ts'
import { cgroupAddress, type RunCgroup } from '../workloads/cgroup.ts'
import { type RunState, removePins } from '../workloads/run-state.ts'
import { type ListenPorts, pinMap, setPolicy, WORKLOAD_ID } from './interception.ts'
import { requireBuilt } from './requirements.ts'
import { notedRules } from './rules-left.ts'
import type { Undo } from './undo.ts'

export interface CaptureOptions {
  readonly config: Config
  readonly shim: Shim
  readonly log: Logger
  readonly recorder: Recorder
  readonly state: RunState
  readonly cgroup: RunCgroup
  readonly netns: Netns
  readonly netnsPath: string | undefined
  /** Where NAT keeps what was dialled; asked where nothing better answers. */
  readonly natEvidence: EvidencePorts
  /** Ends with the interception. */
  readonly undo: Undo
}

/** A way of capturing whose first step is done. */
export interface OpenCapture {
  readonly kernel?: Kernel
  readonly identify: Identify
  readonly evidence: EvidencePorts
  readonly isTransparent: boolean
  /** Tells the kernel that a listening socket is ours. */
  readonly markListener: (fd: number) => void
  /** Sends the command's connections to the listeners, which are open. */
  start(listeners: ListenPorts): Promise<void>
}

export interface ChosenCapture extends OpenCapture {
  readonly mode: CaptureMode
  readonly why: string
}

const openEbpf = (options: CaptureOptions): OpenCapture => {
  const { config, shim, log, recorder, state, cgroup, netns, undo } = options
  requireBuilt(['bpfObject'])
  const kernel = loadKernel(shim, {
    objectPath: PATHS.bpfObject,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    heartbeatStaleMs: config.heartbeatStaleMs,
    flowCapacity: config.flowCapacity,
    ringBytes: config.ringBytes,
    mark: 0,
    byNetns: false,
  })
  try {
    // Without a policy they leave everything alone; whether they may be attached at all is known here.
    kernel.attach({ workload: cgroup.workload, tree: cgroup.tree }, { dns: config.dnsEnabled })
  } catch (error) {
    kernel.close()
    throw error
  }
  undo.add(kernel.close)
  const drain = (): void => kernel.drainEvents((summary) => recorder.connection(summary))
  undo.add(drain)
  pinMap(shim, kernel, state, log)
  undo.add(() => void removePins(state.pins))
  return {
    kernel,
    identify: kernel.identify,
    evidence: options.natEvidence,
    isTransparent: false,
    markListener: (fd) => kernel.markListener(fd, WORKLOAD_ID),
    start: async (ports) => {
      kernel.startHeartbeat()
      const drainer = setInterval(drain, config.eventsIntervalMs).unref()
      undo.add(() => clearInterval(drainer))
      setPolicy(kernel, netns, config, ports)
      for (const line of shim.takeLog()) log.debug({ component: 'libbpf', line }, 'libbpf')
    },
  }
}

const NO_RULES: OpenCapture = {
  identify: noKernel,
  evidence: {},
  isTransparent: false,
  markListener: () => undefined,
  start: async () => undefined,
}

const onlyOpen = ({ failMode }: Config, mode: CaptureMode): void => {
  if (failMode === 'open') return
  throw new UnderstudyError('BAD_CONFIG', `failMode "closed" cannot be kept by capture ${mode}: its rules go with us`, {
    remedy: 'Use --capture ebpf, or failMode open.',
  })
}

const openRules = async (options: CaptureOptions, capture: Capture): Promise<OpenCapture> => {
  const { config, log, state, cgroup, netns, netnsPath, undo } = options
  onlyOpen(config, capture.name)
  const target: Target = {
    id: state.id,
    netnsFd: netns.fd,
    cgroup: cgroupAddress(cgroup.workload),
    scope: config,
  }
  if (/["\\\n]/.test(target.cgroup.folder)) throw refused(capture.name, `it cannot name the cgroup ${cgroup.workload}`)
  await capture.check(target)
  const note = (left: LeftRules | undefined): void => state.noteRules(left && notedRules(left, netnsPath))
  return {
    ...NO_RULES,
    evidence: { ...options.natEvidence, transparent: capture.isTransparent },
    isTransparent: capture.isTransparent,
    start: async (listeners) => {
      undo.add(() => capture.stop())
      await capture.start(target, listeners, {
        note,
        // Nobody can listen on port 0, and it is left alone: the SYN is counted, and refused.
        knock: () => netns.knock(`${cgroup.workload}/cgroup.procs`, '127.0.0.1', 0),
        onLost: (why) => log.error({ capture: capture.name, why }, 'the capture is not whole any more'),
      })
    },
  }
}

const open = async (mode: CaptureMode, options: CaptureOptions): Promise<OpenCapture> => {
  switch (mode) {
    case 'ebpf':
      return openEbpf(options)
    case 'nft':
      return openRules(options, createNft())
    case 'iptables':
      return openRules(options, createIptables())
    case 'tproxy':
      return openRules(options, createTproxy())
    case 'none':
      // Somebody else's rules lead here, and NAT is how most do it.
      return { ...NO_RULES, evidence: options.natEvidence }
  }
}

/** The first step, of the way that is configured or of the first that works here. Throws what names the obstacle. */
export const openCapture = async (options: CaptureOptions): Promise<ChosenCapture> => {
  const { mode, why, made } = await choose(options.config.capture, (each) => open(each, options))
  return { ...made, mode, why }
}
