/** The ordered strategies and their runner. */
import type { Attempt, Endpoint, Flow, Resolution } from '../flow.ts'
import { byCookie } from './by-cookie.ts'
import { byHost } from './by-host.ts'
import type { Strategy } from './strategy.ts'

/** First answer wins. The order is from what the kernel knows to what the client says. */
export const STRATEGIES: readonly Strategy[] = [
  byCookie, // one look-up that the listener has already made
  byHost, // costs nothing, but may be wrong or forged
]

/** Whether an endpoint is one of our own listeners; a connection there would come back to us. */
export type IsOwn = (endpoint: Endpoint) => boolean

const ask = (strategy: Strategy, flow: Flow, isOwn: IsOwn): Attempt => {
  const answer = strategy.resolve(flow)
  const own = answer.kind === 'found' && isOwn(answer.destination)
  return { strategy: strategy.name, answer: own ? { kind: 'pass', why: 'that is ourselves' } : answer }
}

const run = (flow: Flow, strategies: readonly Strategy[], isOwn: IsOwn, before: readonly Attempt[]): Resolution => {
  const trail = [...before]
  for (const strategy of strategies) {
    const attempt = ask(strategy, flow, isOwn)
    trail.push(attempt)
    if (attempt.answer.kind === 'found') {
      return { destination: attempt.answer.destination, resolvedBy: strategy.name, trail }
    }
  }
  return { trail }
}

export interface Chain {
  /** Before any byte: server-first protocols never send one. */
  early(flow: Flow): Resolution
  /** Once the client has spoken: goes on where `early` found nothing, and keeps its trail. */
  late(flow: Flow, early: Resolution): Resolution
}

export const createChain = (isOwn: IsOwn, strategies: readonly Strategy[] = STRATEGIES): Chain => {
  const first = strategies.filter((strategy) => !strategy.needsBytes)
  const rest = strategies.filter((strategy) => strategy.needsBytes)
  return {
    early: (flow) => run(flow, first, isOwn, []),
    late: (flow, early) => (early.destination ? early : run(flow, rest, isOwn, early.trail)),
  }
}
