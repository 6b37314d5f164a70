/** The data plane of an agent: one for all its workloads, with the control API as its own flow, and the expectations. */
import { openExpectationFolder } from '../config/expectation-folder.ts'
import type { Expectation } from '../decide/matching/expectation.ts'
import type { Dns } from '../dns/dns.ts'
import { noKernel } from '../intercept/listener.ts'
import { createRunDns } from '../run/dns.ts'
import type { Undo } from '../run/undo.ts'
import { createDataPlane, type DataPlane } from '../understudy.ts'
import type { AgentOptions } from './agent.ts'
import type { AgentControl } from './control.ts'
import type { NodeKernel } from './node-kernel.ts'
import type { AgentRecord } from './record.ts'
import type { SelfTest } from './self-test.ts'

/** Owner of expectations that came from the folder, in the store. */
const FROM_FOLDER = 'folder'

export interface AgentPlane {
  readonly plane: DataPlane
  readonly dns: Dns | undefined
}

export const createAgentPlane = (
  { config, expectations }: AgentOptions,
  record: AgentRecord,
  node: NodeKernel,
  { selfTest, control }: { readonly selfTest: SelfTest; readonly control: AgentControl },
): AgentPlane => {
  // Nobody asks for a name before there is somebody to answer.
  const dns = config.dnsEnabled
    ? createRunDns(
        config,
        (name, workload) => workload.mode !== 'observe' && plane.isExpectedHost(name, workload),
        record.metrics,
      )
    : undefined
  const plane: DataPlane = createDataPlane({
    ...{ config, expectations, recorder: record.recorder, metrics: record.metrics, log: record.log },
    // Whoever calls the control API: nothing of theirs is ever sent on.
    workload: { id: 0, name: 'control', mode: 'mock' },
    direction: 'direct',
    identify: noKernel,
    evidence: dns ? { nameOf: dns.nameOf } : {},
    ...(dns ? { isReserved: dns.isReserved, namesOf: dns.namesOf } : {}),
    ...(config.controlEnabled ? { server: control } : {}),
    releaseMemory: node.releaseMemory,
    takes: selfTest.takes,
  })
  return { plane, dns }
}

/** Keeps what the store has from the folder as the folder has it; tells how many that are. */
export const followFolder = (
  { config }: AgentOptions,
  { log: root, agent: metrics }: AgentRecord,
  plane: DataPlane,
  undo: Undo,
): (() => number) => {
  const { expectationsFolder: path } = config
  if (path === '') return () => 0
  const log = root.child({ component: 'expectations' })
  const take = (expectations: readonly Expectation[]): void => {
    const { taken } = plane.store.replaceFrom(FROM_FOLDER, expectations, performance.timeOrigin + performance.now())
    metrics.expectationReload('loaded')
    log.info({ path, expectations: expectations.length }, 'the folder of expectations was read')
    if (taken.length > 0) log.warn({ path, ids: taken }, 'the control API has expectations of these ids, which stay')
  }
  const folder = openExpectationFolder({
    path,
    limits: { expectations: config.maxExpectations },
    onChange: take,
    onError: (problems, isUnreadable) => {
      metrics.expectationReload(isUnreadable ? 'unreadable' : 'refused')
      log.error({ path, problems }, 'the folder of expectations is not taken over; what was good last stays')
    },
    onWarning: (warnings) => log.warn({ path, warnings }, 'part of the folder of expectations is left out'),
  })
  undo.add(folder.close)
  if (folder.trouble() === undefined) take(folder.current())
  return () => folder.current().length
}
