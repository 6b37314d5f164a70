/** Tries the two ways of inbound interception: attached in a namespace made for it, and taken off again. */
import { runTool } from '../capture/tool.ts'
import { defaultConfig } from '../config/schema.ts'
import { UnderstudyError } from '../errors.ts'
import type { Finding } from '../kernel/features.ts'
import { loadInbound } from '../kernel/inbound.ts'
import type { InboundMode } from '../kernel/inbound-ports.ts'
import { type Netns, openNetns } from '../kernel/netns.ts'
import { loadShim, type Shim } from '../kernel/shim.ts'
import { PATHS } from '../paths.ts'
import { requireBuilt } from '../run/requirements.ts'
import { lockPorts } from '../run/rules-left.ts'
import { createRunCgroup, ownCgroup, type RunCgroup, removeRunCgroup, runCgroup } from '../workloads/cgroup.ts'
import { recordRun } from '../workloads/run-state.ts'
import type { Proof } from './proof.ts'

const MODES = ['tc', 'sk_lookup'] as const satisfies readonly InboundMode[]
const SINCE: Readonly<Record<InboundMode, string>> = { tc: '5.10', sk_lookup: '5.9' }
const OTHER: Readonly<Record<InboundMode, InboundMode>> = { tc: 'sk_lookup', sk_lookup: 'tc' }
const BY = { tcx: 'tcx links', clsact: 'filters of a clsact qdisc', link: 'a link of the network namespace' } as const
const INTERFACE = 'understudy0'

export type InboundProofs = Readonly<Record<InboundMode, Proof>>

const both = (proof: Proof): InboundProofs => ({ tc: proof, sk_lookup: proof })

const failed = (error: unknown): Proof => {
  if (!(error instanceof UnderstudyError)) throw error
  return { state: 'missing', said: `${error.message} [${error.code}]`, remedy: error.remedy ?? '' }
}

const tryMode = (shim: Shim, mode: InboundMode, netns: Netns, cgroup: RunCgroup): Proof => {
  const { heartbeatIntervalMs, heartbeatStaleMs } = defaultConfig()
  try {
    const kernel = loadInbound(shim, {
      objectPath: PATHS.inboundObject,
      mode,
      netnsFd: netns.fd,
      ...(mode === 'tc' ? { interface: INTERFACE } : {}),
      listenerCgroup: cgroup.listener,
      mark: 0,
      heartbeatIntervalMs,
      heartbeatStaleMs,
      flowCapacity: 64,
      thirdParty: false,
    })
    try {
      kernel.attach()
      return { state: 'ok', said: `attached by ${BY[kernel.attachedBy ?? 'link']}, and taken off again`, remedy: '' }
    } finally {
      kernel.close()
    }
  } catch (error) {
    return failed(error)
  }
}

/** A veth pair has both its ends in the namespace, which takes it away with itself. */
const makeInterface = async (netns: Netns): Promise<Proof | undefined> => {
  const pair = ['link', 'add', INTERFACE, 'type', 'veth', 'peer', 'name', `${INTERFACE}p`]
  const { status, err } = await runTool(netns.fd, 'ip', pair)
  if (status === 0) return undefined
  const said = `not tried: no veth pair to try it on: ${err.trim()}`
  return { state: 'unknown', said, remedy: 'Have a kernel with CONFIG_VETH (modprobe veth).' }
}

const tryBoth = async (shim: Shim, netns: Netns): Promise<InboundProofs> => {
  const parent = ownCgroup()
  const state = recordRun(`${process.pid}-${Date.now().toString(36)}`, parent, lockPorts(shim))
  const cgroup = runCgroup(parent, state.id)
  try {
    createRunCgroup(state.id, parent)
    const lacking = await makeInterface(netns)
    return {
      tc: lacking ?? tryMode(shim, 'tc', netns, cgroup),
      sk_lookup: tryMode(shim, 'sk_lookup', netns, cgroup),
    }
  } finally {
    // Should the kernel still hold it, what is written down leads the next sweep there.
    if (removeRunCgroup(cgroup)) state.remove()
  }
}

/** Tries both in a namespace made for it; needs root. Never throws what a machine is to blame for. */
export const inboundTest = async (netnsPath: string): Promise<InboundProofs> => {
  try {
    requireBuilt(['shim', 'inboundObject'])
    const shim = loadShim(PATHS.shim)
    const netns = openNetns(shim, netnsPath)
    try {
      return await tryBoth(shim, netns)
    } finally {
      netns.close()
    }
  } catch (error) {
    return both(failed(error))
  }
}

/** The same where nothing was tried. */
export const untriedInbound = (said: string, remedy: string): InboundProofs => both({ state: 'unknown', said, remedy })

/** One row of the table for each. */
export const inboundFindings = (proofs: InboundProofs): Finding[] =>
  MODES.map((mode) => {
    const { state, said, remedy } = proofs[mode]
    const instead =
      state === 'missing' && proofs[OTHER[mode]].state === 'ok' ? `Inbound interception takes ${OTHER[mode]}.` : ''
    return { feature: `inbound: ${mode}`, state, here: said, since: SINCE[mode], required: false, instead, remedy }
  })
