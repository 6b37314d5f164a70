import type { Answer, Attempt, Endpoint, Flow } from '../flow.ts'

/**
 * One way to learn where a connection was going. Pure: evidence comes with the flow or through ports given to its
 * constructor. A strategy never logs, retries, or throws on absence; absence is `pass`.
 */
export interface Strategy {
  readonly name: string
  /** Whether its evidence is in the client's own bytes, so that it can only be asked once some have arrived. */
  readonly needsBytes: boolean
  /** @param trail what was answered before */
  resolve(flow: Flow, trail: readonly Attempt[]): Answer
}

/** In the order in which they are asked. */
export const STRATEGY_NAMES = [
  'proxy-protocol',
  'tproxy',
  'ebpf',
  'listener',
  'so-original-dst',
  'conntrack',
  'dns',
  'host',
] as const
export type StrategyName = (typeof STRATEGY_NAMES)[number]

/** What a port to the kernel's own tables found. `broken` is evidence that cannot be read, not its absence. */
export type Evidence =
  | { readonly kind: 'found'; readonly destination: Endpoint }
  | { readonly kind: 'none'; readonly why: string }
  | { readonly kind: 'broken'; readonly error: Error }

/** Synchronous: it is asked while the connection waits to be accepted. */
export type ReadEvidence = (flow: Flow) => Evidence
