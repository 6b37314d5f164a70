/** The ordered strategies and their runner. */
import type { Answer, Attempt, Endpoint, Flow, Resolution } from '../flow.ts'
import { byConntrack } from './by-conntrack.ts'
import { byCookie } from './by-cookie.ts'
import { byDnsIntent, type NameOf } from './by-dns-intent.ts'
import { byHost } from './by-host.ts'
import { byListener } from './by-listener.ts'
import { byProxyHeader } from './by-proxy-header.ts'
import { bySoOriginalDst } from './by-so-original-dst.ts'
import { byTransparent } from './by-transparent.ts'
import type { ReadEvidence, Strategy } from './strategy.ts'

/** Where strategies get their evidence; one without any is not asked. */
export interface EvidencePorts {
  /** PROXY headers are looked for. */
  readonly proxyHeaders?: boolean
  /** There are transparent listeners. */
  readonly transparent?: boolean
  /** There are listeners that stand for a port of the application. */
  readonly inbound?: boolean
  readonly soOriginalDst?: ReadEvidence
  readonly conntrack?: ReadEvidence
  readonly nameOf?: NameOf
}

/** First answer wins. The order is from what cannot be wrong to what can, and from the kernel to the client. */
const ORDER: readonly ((ports: EvidencePorts) => Strategy | undefined)[] = [
  ({ proxyHeaders }) => (proxyHeaders ? byProxyHeader : undefined), // what stands before us saw more than our kernel
  ({ transparent }) => (transparent ? byTransparent : undefined), // the socket's own address: nothing was rewritten
  () => byCookie, // one look-up that the listener has already made
  ({ inbound }) => (inbound ? byListener : undefined), // ours for one port: as sure, but for who sent it there
  ({ soOriginalDst }) => soOriginalDst && bySoOriginalDst(soOriginalDst), // what NAT did, of this very socket
  ({ conntrack }) => conntrack && byConntrack(conntrack), // the same, found by addresses, which may be reused
  ({ nameOf }) => nameOf && byDnsIntent(nameOf), // a name, where an address says nothing
  () => byHost, // costs nothing, but may be wrong or forged
]

/** The strategies that have evidence here and are not switched off, in order. */
export const createStrategies = (ports: EvidencePorts, off: readonly string[] = []): readonly Strategy[] =>
  ORDER.flatMap((make) => make(ports) ?? []).filter(({ name }) => !off.includes(name))

export interface Guards {
  /** Whether an endpoint is one of our own listeners; a connection there would come back to us. */
  readonly isOwn: (endpoint: Endpoint) => boolean
  /** Whether an address was given out for a name that exists only in expectations: nobody is there. */
  readonly isReserved?: (address: string) => boolean
}
export type IsOwn = Guards['isOwn']

const guarded = (answer: Answer, { isOwn, isReserved }: Guards): Answer => {
  if (answer.kind !== 'found') return answer
  const { destination } = answer
  if (isOwn(destination)) return { kind: 'pass', why: 'that is ourselves', dialled: destination }
  if (!isReserved?.(destination.address)) return answer
  return { kind: 'pass', why: 'an address given out for a name', dialled: destination }
}

const run = (flow: Flow, strategies: readonly Strategy[], guards: Guards, before: readonly Attempt[]): Resolution => {
  const trail = [...before]
  for (const strategy of strategies) {
    const answer = guarded(strategy.resolve(flow, trail), guards)
    trail.push({ strategy: strategy.name, answer })
    if (answer.kind === 'found') return { destination: answer.destination, resolvedBy: strategy.name, trail }
  }
  return { trail }
}

export interface Chain {
  /** Before any byte: server-first protocols never send one. */
  early(flow: Flow): Resolution
  /** Once the client has spoken: goes on where `early` found nothing, and keeps its trail. */
  late(flow: Flow, early: Resolution): Resolution
}

export const createChain = (guards: Guards, strategies: readonly Strategy[]): Chain => {
  const first = strategies.filter((strategy) => !strategy.needsBytes)
  const rest = strategies.filter((strategy) => strategy.needsBytes)
  return {
    early: (flow) => run(flow, first, guards, []),
    late: (flow, early) => (early.destination ? early : run(flow, rest, guards, early.trail)),
  }
}
