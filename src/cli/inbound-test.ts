/**
 * Tries the two ways of inbound interception in two namespaces made for it: which hook takes the programs, and whether a
 * connection from one to the other then comes to us.
 */
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
import { makeThrowawayNetns, type ThrowawayNetns } from '../run/throwaway-netns.ts'
import { createRunCgroup, ownCgroup, type RunCgroup, removeRunCgroup, runCgroup } from '../workloads/cgroup.ts'
import { recordRun } from '../workloads/run-state.ts'
import type { Proof } from './proof.ts'
import { inboundSelfTest } from './self-test.ts'

const MODES = ['tc', 'sk_lookup'] as const satisfies readonly InboundMode[]
const SINCE: Readonly<Record<InboundMode, string>> = { tc: '5.10', sk_lookup: '5.9' }
const OTHER: Readonly<Record<InboundMode, InboundMode>> = { tc: 'sk_lookup', sk_lookup: 'tc' }
const BY = { tcx: 'tcx links', clsact: 'filters of a clsact qdisc', link: 'a link of the network namespace' } as const
/** Addresses of documentation (RFC 5737), in namespaces that have nothing else. */
const WIRE = { device: 'understudy0', address: '192.0.2.1', peer: 'understudy1', peerAddress: '192.0.2.2' } as const

export type InboundProofs = Readonly<Record<InboundMode, Proof>>

const both = (proof: Proof): InboundProofs => ({ tc: proof, sk_lookup: proof })

const failed = (error: unknown): Proof => {
  if (!(error instanceof UnderstudyError)) throw error
  return { state: 'missing', said: `${error.message} [${error.code}]`, remedy: error.remedy ?? '' }
}

/** Attaches the programs, and takes them off again. */
const attach = (shim: Shim, mode: InboundMode, netns: Netns, cgroup: RunCgroup): Proof => {
  const { heartbeatIntervalMs, heartbeatStaleMs } = defaultConfig()
  try {
    const kernel = loadInbound(shim, {
      objectPath: PATHS.inboundObject,
      mode,
      netnsFd: netns.fd,
      ...(mode === 'tc' ? { interface: WIRE.device } : {}),
      listenerCgroup: cgroup.listener,
      mark: 0,
      heartbeatIntervalMs,
      heartbeatStaleMs,
      flowCapacity: 64,
      thirdParty: false,
    })
    try {
      kernel.attach()
      return { state: 'ok', said: `a connection was handed to us by ${BY[kernel.attachedBy ?? 'link']}`, remedy: '' }
    } finally {
      kernel.close()
    }
  } catch (error) {
    return failed(error)
  }
}

/** Joins the namespaces by a veth pair, which goes with either of them. */
const join = async (netns: Netns, clients: ThrowawayNetns): Promise<Proof | undefined> => {
  const { device, address, peer, peerAddress } = WIRE
  const script = [
    'set -e',
    `ip link add ${device} type veth peer name ${peer} netns ${clients.pid}`,
    `ip address add ${address}/24 dev ${device}`,
    `ip link set ${device} up`,
    `nsenter --net=${clients.path} ip address add ${peerAddress}/24 dev ${peer}`,
    `nsenter --net=${clients.path} ip link set ${peer} up`,
  ]
  const { status, err } = await runTool(netns.fd, 'sh', ['-c', script.join('\n')])
  if (status === 0) return undefined
  const said = `not tried: no veth pair to try it on: ${err.trim()}`
  return { state: 'unknown', said, remedy: 'Have a kernel with CONFIG_VETH (modprobe veth).' }
}

/** How each mode is attached here, in a cgroup made for it. */
const attachBoth = (shim: Shim, netns: Netns): InboundProofs => {
  const parent = ownCgroup()
  const state = recordRun(`${process.pid}-${Date.now().toString(36)}`, parent, lockPorts(shim))
  const cgroup = runCgroup(parent, state.id)
  try {
    createRunCgroup(state.id, parent)
    return { tc: attach(shim, 'tc', netns, cgroup), sk_lookup: attach(shim, 'sk_lookup', netns, cgroup) }
  } finally {
    // Should the kernel still hold it, what is written down leads the next sweep there.
    if (removeRunCgroup(cgroup)) state.remove()
  }
}

const tryBoth = async (shim: Shim, netnsPath: string, clients: ThrowawayNetns): Promise<InboundProofs> => {
  const netns = openNetns(shim, netnsPath)
  try {
    const lacking = await join(netns, clients)
    if (lacking) return both(lacking)
    const attached = attachBoth(shim, netns)
    const site = { netns: netnsPath, clientNetns: clients.path, address: WIRE.address, interface: WIRE.device }
    const prove = async (mode: InboundMode): Promise<Proof> => {
      if (attached[mode].state !== 'ok') return attached[mode]
      const proof = await inboundSelfTest(mode, site)
      return proof.state === 'ok' ? { ...proof, said: attached[mode].said } : proof
    }
    return { tc: await prove('tc'), sk_lookup: await prove('sk_lookup') }
  } finally {
    netns.close()
  }
}

/** Tries both in a namespace made for it; needs root. Never throws what a machine is to blame for. */
export const inboundTest = async (netnsPath: string): Promise<InboundProofs> => {
  const clients = await makeThrowawayNetns()
  if ('why' in clients) return untriedInbound(`not tried: no network namespace to try it from: ${clients.why}`, '')
  try {
    requireBuilt(['shim', 'inboundObject'])
    return await tryBoth(loadShim(PATHS.shim), netnsPath, clients)
  } catch (error) {
    return both(failed(error))
  } finally {
    await clients.close()
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
