/** What a data plane is made of and what it serves: types only. */
import type { Logger } from 'pino'
import type { LookUpName, MakeSocket } from './act/dial.ts'
import type { InboundRouteOptions } from './act/route.ts'
import type { ApplicationSockets } from './act/to-application.ts'
import type { Config } from './config/schema.ts'
import type { ServerPorts } from './control/ports.ts'
import type { Expectation } from './decide/matching/expectation.ts'
import type { Asked } from './decide/matching/search.ts'
import type { ExpectationStore } from './decide/matching/store.ts'
import type { Direction, Workload } from './flow.ts'
import type { Identify } from './intercept/listener.ts'
import type { Metrics } from './record/metrics.ts'
import type { Recorder } from './record/recorder.ts'
import type { EvidencePorts } from './resolve/chain.ts'
import type { Stages } from './stages.ts'

export interface DataPlaneOptions {
  readonly config: Config
  readonly expectations: readonly Expectation[]
  readonly recorder: Recorder
  readonly metrics: Metrics
  readonly log: Logger
  readonly workload: Workload
  readonly direction: Direction
  readonly identify: Identify
  /** Further evidence of where a connection was going. */
  readonly evidence?: EvidencePorts
  /** Whether an address stands for a name that exists only in expectations. */
  readonly isReserved?: (address: string) => boolean
  /** The names that a workload asked DNS for and was given this address; without it, none are known. */
  readonly namesOf?: (workload: Workload, address: string) => readonly string[]
  /** Gives freed memory outside of V8 back to the system. */
  readonly releaseMemory?: () => void
  /** Makes upstream sockets where the workload lives; without it they are made here. */
  readonly makeSocket?: MakeSocket
  /** Looks names up as the workload does; without it as this process does. Used with `makeSocket`. */
  readonly lookUp?: LookUpName
  /** Notes exchanges that are sent on, for a recording. */
  readonly tape?: Stages['tape'] | undefined
  /** Told of each request that no expectation matched. */
  readonly missed?: ((asked: Asked, store: ExpectationStore) => void) | undefined
  /** What the control API may do to the server it is part of; without it, there is no such API. */
  readonly server?: ServerPorts
  /** For listeners whose direction is inbound. */
  readonly inbound?: InboundOptions
}

/** Where the application is, and how it is dialled. */
export interface InboundOptions extends Pick<InboundRouteOptions, 'addressFor' | 'keepsSource'> {
  readonly sockets: ApplicationSockets
  /** What the kernel knows of a socket that such a listener has accepted. */
  readonly identify: Identify
}
