/** The rows of `understudy doctor` on the ways to learn where a connection was going, from what was proved. Pure. */
import type { FeatureState } from '../kernel/features.ts'
import { STRATEGY_NAMES, type StrategyName } from '../resolve/strategy.ts'
import type { InboundProofs } from './inbound-test.ts'
import type { Proof } from './proof.ts'
import type { ProvedCapture } from './self-test.ts'
import type { ServeTest } from './serve-test.ts'

/** Whether one strategy of docs/strategies.md works on this machine. */
export interface StrategyFinding {
  readonly name: StrategyName
  readonly state: FeatureState
  /** How it was proved, or why not. */
  readonly said: string
  readonly remedy: string
}

/** A connection that rules have led to us. */
export interface NatProof {
  readonly capture: 'nft' | 'iptables'
  readonly proof: Proof
}

/** What only root can prove. */
export interface KernelProofs {
  readonly captures: Readonly<Record<ProvedCapture, Proof>>
  /** With `so-original-dst` switched off; undefined where no rules lead a connection to us. */
  readonly conntrack: NatProof | undefined
  /** Netlink is refused, so that the connection table is read as a file. */
  readonly readsFile: boolean
  readonly dns: Proof
  /** Of inbound connections; those that succeeded were not known by the programs' record. */
  readonly inbound: InboundProofs
}

/** Why nobody could try, and what helps. */
export interface Untried {
  readonly why: string
  readonly remedy: string
}

type Said = Omit<StrategyFinding, 'name'>

const CONNTRACK = {
  'so-original-dst': 'Have a kernel with connection tracking (modprobe nf_conntrack).',
  conntrack: 'Have a kernel whose connection tracking answers netlink (modprobe nf_conntrack_netlink).',
} as const

const proved = (said: string, remedy = ''): Said => ({ state: 'ok', said, remedy })

/** The proof's own words where it failed, others where it did not. */
const from = ({ state, said, remedy }: Proof, ok: string): Said =>
  state === 'ok' ? proved(ok) : { state, said, remedy }

/** What only a connection that rules have led here can prove: the first in which the strategy answered, else was asked. */
const byNat = (
  name: keyof typeof CONNTRACK,
  led: readonly NatProof[],
  captures: KernelProofs['captures'],
  ok: (capture: string) => Said,
): Said => {
  const answered = led.find(({ proof }) => proof.exchange?.resolvedBy === name)
  if (answered) return ok(answered.capture)
  const step = led.flatMap(({ proof }) => proof.exchange?.trail ?? []).find(({ strategy }) => strategy === name)
  if (step)
    return {
      state: 'missing',
      said: `asked for a connection that rules led here: ${step.detail}`,
      remedy: CONNTRACK[name],
    }
  const { nft, iptables } = captures
  const said = `not proved, for no rules lead a connection here: nft: ${nft.said}; iptables: ${iptables.said}`
  return { state: 'unknown', said, remedy: nft.remedy || iptables.remedy }
}

const byTable = (readsFile: boolean, capture: string): Said =>
  readsFile
    ? proved(
        `/proc/net/nf_conntrack told, behind rules of ${capture}: netlink is refused, and lines cost time`,
        `${CONNTRACK.conntrack} It takes CAP_NET_ADMIN, too.`,
      )
    : proved(`the connection table told over netlink, behind rules of ${capture}`)

const byInbound = ({ tc, sk_lookup }: InboundProofs): Said =>
  from(tc.state === 'ok' ? tc : sk_lookup, 'a listener of ours was handed a connection to the port that it stands for')

const byKernel = ({ captures, conntrack, readsFile, dns, inbound }: KernelProofs) => {
  const led: readonly NatProof[] = [
    { capture: 'nft', proof: captures.nft },
    { capture: 'iptables', proof: captures.iptables },
  ]
  return {
    tproxy: from(captures.tproxy, 'the accepted socket had the very address that was dialled'),
    ebpf: from(captures.ebpf, 'the programs had saved where the accepted connection was going'),
    listener: byInbound(inbound),
    'so-original-dst': byNat('so-original-dst', led, captures, (capture) =>
      proved(`the accepted socket told, behind rules of ${capture}`),
    ),
    conntrack: byNat('conntrack', [...(conntrack ? [conntrack] : []), ...led], captures, (capture) =>
      byTable(readsFile, capture),
    ),
    dns: from(dns, 'a name that exists only as an expectation was answered, dialled and known again'),
  } as const
}

const notTried = ({ why, remedy }: Untried) => {
  const said: Said = { state: 'unknown', said: `not tried: ${why}`, remedy }
  return { tproxy: said, ebpf: said, listener: said, 'so-original-dst': said, conntrack: said, dns: said } as const
}

/** A row for each strategy, in the order in which they are asked. */
export const strategyFindings = (serve: ServeTest, kernel: KernelProofs | Untried): StrategyFinding[] => {
  const rows: Readonly<Record<StrategyName, Said>> = {
    'proxy-protocol': from(serve.proxyProtocol, 'a PROXY header ahead of a connection over loopback was believed'),
    ...('why' in kernel ? notTried(kernel) : byKernel(kernel)),
    host: from(serve.host, 'the Host header of a connection over loopback was believed'),
  }
  return STRATEGY_NAMES.map((name) => ({ name, ...rows[name] }))
}
