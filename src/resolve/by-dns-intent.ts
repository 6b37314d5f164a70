import type { Answer, Attempt, Endpoint, Workload } from '../flow.ts'
import type { Strategy } from './strategy.ts'

/** The name that a workload's resolver was last told for an address; undefined where it was told none. */
export type NameOf = (workload: Workload, address: string) => string | undefined

const NOT_ASKED: Answer = { kind: 'pass', why: 'no name was resolved to this address' }

const lastDialled = (trail: readonly Attempt[]): Endpoint | undefined => {
  for (const { answer } of trail.toReversed()) if (answer.kind === 'pass' && answer.dialled) return answer.dialled
  return undefined
}

/**
 * The name behind the address that was dialled: an address that we gave to a name of the expectations, or our own, where
 * a name was pointed at us.
 */
export const byDnsIntent = (nameOf: NameOf): Strategy => ({
  name: 'dns',
  needsBytes: false,
  resolve: (flow, trail) => {
    const { address, port } = lastDialled(trail) ?? flow.local
    const name = nameOf(flow.workload, address)
    return name === undefined ? NOT_ASKED : { kind: 'found', destination: { address: name, port } }
  },
})
