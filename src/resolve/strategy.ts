import type { Answer, Flow } from '../flow.ts'

/**
 * One way to learn where a connection was going. Pure: evidence comes with the flow or through ports given to its
 * constructor. A strategy never logs, retries, or throws on absence; absence is `pass`.
 */
export interface Strategy {
  readonly name: string
  /** Whether its evidence is in the client's own bytes, so that it can only be asked once some have arrived. */
  readonly needsBytes: boolean
  resolve(flow: Flow): Answer
}
