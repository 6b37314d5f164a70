/** What an agent has so far: parts that come one after the other, and that the admin server asks about from the start. */
import type { Attribution } from './connections.ts'
import type { NodeKernel } from './node-kernel.ts'
import type { Reconcile } from './reconcile.ts'
import type { Sources } from './sources.ts'

export interface AgentState {
  /** Why it is not ready; undefined: it is. */
  notReady: string | undefined
  node?: NodeKernel
  sources?: Sources
  reconcile?: Reconcile
  attribution?: Attribution
  dnsIntents?: () => number
  /** Expectations held, by where they came from. */
  expectations?: () => Readonly<Record<string, number>>
}
