/** What the API needs of the rest, and what its calls are. Types only. */
import type { ExpectationSpec } from '../decide/matching/expectation.ts'
import type { Filter, Read, Verification } from '../decide/matching/filter.ts'
import type { ExpectationStore } from '../decide/matching/store.ts'
import type { EventLog } from './event-log.ts'
import type { Reply } from './reply.ts'

/** Reads documents: a value that is all right, or everything that is wrong with it. */
export interface Documents {
  expectation(given: unknown): Read<ExpectationSpec>
  filter(given: unknown): Read<Filter>
  verification(given: unknown): Read<Verification>
  sequence(given: unknown): Read<readonly Filter[]>
  ports(given: unknown): Read<readonly number[]>
}

/** The server that the API is part of. */
export interface ServerPorts {
  /** Where it listens. */
  listening(): readonly number[]
  /** Listens on one more port, 0 for any; rejects where it cannot. */
  bind(port: number): Promise<number>
  /** Begins to end the process's work; returns at once. Not there where somebody else decides when it ends. */
  readonly stop?: () => void
}

export interface Context {
  readonly store: ExpectationStore
  readonly log: EventLog
  readonly documents: Documents
  readonly server: ServerPorts
  /** Which MockServer it says to be. */
  readonly version: string
  readonly maxExpectations: number
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number
}

export interface Call {
  readonly query: URLSearchParams
  readonly body: Buffer
  readonly nowMs: number
}

export type Handler = (call: Call, context: Context) => Reply | Promise<Reply>
