/**
 * All that `understudy doctor` proves as root. The programs are tried where we are; what makes rules, or asks for names,
 * in a network namespace made for it, so that the machine's own rules are neither seen nor touched.
 */
import { UnderstudyError } from '../errors.ts'
import { openNetns } from '../kernel/netns.ts'
import { openOriginalDestinations } from '../kernel/original-destination.ts'
import { loadShim } from '../kernel/shim.ts'
import { PATHS } from '../paths.ts'
import { makeThrowawayNetns } from '../run/throwaway-netns.ts'
import { inboundTest, untriedInbound } from './inbound-test.ts'
import type { Proof } from './proof.ts'
import { nameTest, selfTest } from './self-test.ts'
import type { KernelProofs, NatProof } from './strategies.ts'

const NOBODY = { fd: -1, client: { address: '127.0.0.1', port: 1 }, local: { address: '127.0.0.1', port: 2 } }

/** Asks the connection table for a connection that there is not: whoever may ask is told so. */
const readsFile = (netnsPath: string): boolean => {
  try {
    const shim = loadShim(PATHS.shim)
    const netns = openNetns(shim, netnsPath)
    const nat = openOriginalDestinations(shim, netns.fd)
    nat.conntrack(NOBODY)
    nat.close()
    netns.close()
    return nat.readsFile()
  } catch (error) {
    if (error instanceof UnderstudyError) return false // the proof itself says what it is
    throw error
  }
}

const proveIn = async (netns: string, ebpf: Proof): Promise<KernelProofs> => {
  const captures = {
    ebpf,
    nft: await selfTest({ capture: 'nft', netns }),
    iptables: await selfTest({ capture: 'iptables', netns }),
    tproxy: await selfTest({ capture: 'tproxy', netns }),
  }
  const capture = (['nft', 'iptables'] as const).find((name) => captures[name].state === 'ok')
  const conntrack: NatProof | undefined = capture && {
    capture,
    proof: await selfTest({ capture, netns, strategiesOff: ['so-original-dst'] }),
  }
  return {
    captures,
    conntrack,
    readsFile: readsFile(netns),
    dns:
      ebpf.state === 'ok'
        ? await nameTest(netns)
        : { ...ebpf, said: `questions come by the programs only: ${ebpf.said}` },
    inbound: await inboundTest(netns),
  }
}

/** Takes seconds at most. Never throws what a machine is to blame for. */
export const prove = async (): Promise<KernelProofs> => {
  const ebpf = await selfTest({ capture: 'ebpf' })
  const netns = await makeThrowawayNetns()
  if ('why' in netns) {
    const said = `not tried: no network namespace to try it in: ${netns.why}`
    const not: Proof = { state: 'unknown', said, remedy: 'Install iproute2 and util-linux; CAP_SYS_ADMIN is needed.' }
    const captures = { ebpf, nft: not, iptables: not, tproxy: not }
    return { captures, conntrack: undefined, readsFile: false, dns: not, inbound: untriedInbound(said, not.remedy) }
  }
  try {
    return await proveIn(netns.path, ebpf)
  } finally {
    await netns.close()
  }
}
