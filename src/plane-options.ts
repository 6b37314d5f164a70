/** What a data plane is made of and what it serves: types only. */
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { LookUpName, MakeSocket } from './act/dial.ts'
import type { InboundRouteOptions } from './act/route.ts'
import type { ApplicationSockets } from './act/to-application.ts'
import type { Config } from './config/schema.ts'
import type { ServerPorts } from './control/ports.ts'
import type { Expectation } from './decide/matching/expectation.ts'
import type { Asked } from './decide/matching/search.ts'
import type { ExpectationStore } from './decide/matching/store.ts'
import type { Direction, Flow, Workload } from './flow.ts'
import type { Identify } from './intercept/listener.ts'
import type { Metrics } from './record/metrics.ts'
import type { Recorder } from './record/recorder.ts'
import type { EvidencePorts } from './resolve/chain.ts'
import type { Stages } from './stages.ts'

/** One workload of a data plane, and how it is reached. */
export interface SiteOptions {
  /** Its labels and its mode may change in place: what comes later goes by them. */
  readonly workload: Workload
  /** Of its listeners, unless one says otherwise; without it as for the whole data plane. */
  readonly direction?: Direction
  readonly identify: Identify
  /** Makes upstream sockets where the workload lives; without it they are made here. */
  readonly makeSocket?: MakeSocket
  /** Looks names up as the workload does; without it as this process does. Used with `makeSocket`. */
  readonly lookUp?: LookUpName
  /** For listeners whose direction is inbound. */
  readonly inbound?: InboundOptions
  /** Whether an address leads to the place where the listeners are; without it, any of this machine's does. */
  readonly isLocal?: (address: string) => boolean
  /** Connections of this workload held at once; one more is reset. Those of all are bounded besides. */
  readonly maxConnections?: number
}

export interface DataPlaneOptions extends SiteOptions {
  readonly config: Config
  readonly expectations: readonly Expectation[]
  readonly recorder: Recorder
  readonly metrics: Metrics
  readonly log: Logger
  readonly direction: Direction
  /** Further evidence of where a connection was going. */
  readonly evidence?: EvidencePorts
  /** Whether an address stands for a name that exists only in expectations. */
  readonly isReserved?: (address: string) => boolean
  /** The names that a workload asked DNS for and was given this address; without it, none are known. */
  readonly namesOf?: (workload: Workload, address: string) => readonly string[]
  /** Gives freed memory outside of V8 back to the system. */
  readonly releaseMemory?: () => void
  /** Notes exchanges that are sent on, for a recording. */
  readonly tape?: Stages['tape'] | undefined
  /** Told of each request that no expectation matched. */
  readonly missed?: ((asked: Asked, store: ExpectationStore) => void) | undefined
  /** What the control API may do to the server it is part of; without it, there is no such API. */
  readonly server?: ServerPorts
  /** Takes a connection that is not for the pipeline, and answers it itself. */
  readonly takes?: (socket: Socket, flow: Flow) => boolean
}

/** Where the application is, and how it is dialled. */
export interface InboundOptions extends Pick<InboundRouteOptions, 'addressFor' | 'keepsSource'> {
  readonly sockets: ApplicationSockets
  /** What the kernel knows of a socket that such a listener has accepted. */
  readonly identify: Identify
}
