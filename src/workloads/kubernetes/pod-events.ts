/** Tells what becomes of pods in Events on them: `kubectl describe pod` shows those. */
import type { WorkloadEvents } from '../source.ts'
import type { ConnectionOptions } from './connection.ts'
import type { FailureCounts } from './failure.ts'

export interface PodEventsOptions extends ConnectionOptions {
  readonly nodeName: string
}

/** What became of reports so far. */
export interface PodEventCounters {
  /** Times `report` was called. */
  readonly reported: number
  /** Events made. */
  readonly created: number
  /** Repeats written into an event that was there. */
  readonly updated: number
  /** Reports given up: the queue was full, the server refused, or the agent ended. */
  readonly dropped: number
  /** Events waiting to be sent. */
  readonly waiting: number
  readonly failures: FailureCounts
}

export interface PodEvents extends WorkloadEvents {
  counters(): PodEventCounters
}

export declare const createPodEvents: (options: PodEventsOptions) => PodEvents
