/** The data plane of one run, with what it asks and what asks it: DNS, the control API. Nothing listens yet. */
import { lookUpHere } from '../act/dial.ts'
import type { Dns } from '../dns/dns.ts'
import type { LookUp } from '../dns/look-up.ts'
import type { Workload } from '../flow.ts'
import { openNetns } from '../kernel/netns.ts'
import type { Shim } from '../kernel/shim.ts'
import type { RecordStage } from '../record-stage.ts'
import { createDataPlane, type DataPlane } from '../understudy.ts'
import { createRunSource } from '../workloads/from-run.ts'
import { createRunControl, type RunControl } from './control.ts'
import { createRunDns } from './dns.ts'
import { WORKLOAD_ID } from './interception.ts'
import type { Ground, RunOptions } from './run-command.ts'
import type { Undo } from './undo.ts'

export interface RunPlane {
  readonly plane: DataPlane
  readonly workload: Workload
  /** Only where BPF captures. */
  readonly dns?: Dns
  /** Where it was asked for. */
  readonly control?: RunControl
  /** Names are from now on looked up as the command does. */
  resolveWith(lookUp: LookUp): void
}

/** Where the command is, and where we are. */
const prepareControl = (options: RunOptions, shim: Shim, { netns, cgroup }: Ground, undo: Undo): RunControl => {
  if (options.netns === undefined) return createRunControl([netns], cgroup)
  const own = openNetns(shim, undefined)
  undo.add(own.close)
  return createRunControl([own, netns], cgroup)
}

/** The command, as a source of workloads tells of it. */
const workloadOf = ({ config, argv, netns }: RunOptions, { state, cgroup }: Ground): Workload => {
  const { name, namespace, labels } = createRunSource({
    uid: state.id,
    name: argv[0],
    namespace: config.workloadNamespace,
    labels: config.workloadLabels,
    cgroupPath: cgroup.workload,
    netnsPath: netns,
  }).facts
  return { id: WORKLOAD_ID, name, namespace, labels }
}

export const createRunPlane = (
  options: RunOptions,
  shim: Shim,
  record: RecordStage,
  ground: Ground,
  undo: Undo,
): RunPlane => {
  const { config } = options
  const { capture, netns, inbound } = ground
  const workload = workloadOf(options, ground)
  // Nobody asks for a name before there is somebody to answer.
  const isExpected = (name: string, asking: Workload): boolean => plane.isExpectedHost(name, asking)
  const dns = capture.kernel && config.dnsEnabled ? createRunDns(config, isExpected, record.metrics) : undefined
  const control = options.controlPort === undefined ? undefined : prepareControl(options, shim, ground, undo)
  let lookUp: LookUp | undefined
  const plane = createDataPlane({
    config,
    expectations: options.expectations,
    recorder: record.recorder,
    metrics: record.metrics,
    log: record.log,
    workload,
    direction: 'outbound',
    identify: capture.identify,
    tape: record.recording?.watch,
    missed: record.misses?.add,
    evidence: { ...capture.evidence, ...(dns ? { nameOf: dns.nameOf } : {}) },
    ...(dns ? { isReserved: dns.isReserved, namesOf: dns.namesOf } : {}),
    ...(control ? { server: control } : {}),
    releaseMemory: () => void shim.raw('understudy_trim_memory'),
    makeSocket: (ipv6, source) => netns.makeSocket(ipv6, source, 0),
    // In our own namespace our own resolver is the command's.
    lookUp: (name, done) => (options.netns && lookUp ? lookUp : lookUpHere)(name, done),
    ...(inbound ? { inbound: inbound.plane } : {}),
  })
  return {
    plane,
    workload,
    ...(dns ? { dns } : {}),
    ...(control ? { control } : {}),
    resolveWith: (found) => {
      lookUp = found
    },
  }
}
