/** What the API needs of the rest, and what its calls are. Types only. */
import type { ForwardPlan, MockResponse } from '../action.ts'
import type { Inflate } from '../decide/matching/body.ts'
import type { ExpectationSpec } from '../decide/matching/expectation.ts'
import type { Filter, Read, SentRequest, SequenceVerification, Verification } from '../decide/matching/filter.ts'
import type { Origin } from '../decide/matching/scope.ts'
import type { ExpectationStore, LiveExpectation } from '../decide/matching/store.ts'
import type { CallTally } from './call-tally.ts'
import type { EventLog } from './event-log.ts'
import type { Reply } from './reply.ts'
import type { Waiting } from './waiting.ts'

/** `unknown_format`: no format has that name; `not_recognised`: the document looks like none. Both name what there is. */
export type Imported =
  | Read<readonly ExpectationSpec[]>
  | { readonly refusal: 'unknown_format' | 'not_recognised'; readonly formats: readonly string[] }

/** Reads documents: a value that is all right, or everything that is wrong with it. */
export interface Documents {
  /** An expectation, or an OpenAPI document that stands for several. */
  expectation(given: unknown): Read<readonly ExpectationSpec[]>
  openApi(given: unknown): Read<readonly ExpectationSpec[]>
  /** Expectations out of a document of another format: the one of that name, or else the one that it looks like. */
  imported(document: unknown, format: string | undefined): Imported
  /** YAML as a value. */
  yaml(text: string): Read<unknown>
  /** What a callback client answers with, or has sent on. */
  request(given: unknown): Read<ForwardPlan>
  response(given: unknown): Read<MockResponse>
  filter(given: unknown): Read<Filter>
  verification(given: unknown): Read<Verification>
  sequence(given: unknown): Read<SequenceVerification>
  ports(given: unknown): Read<readonly number[]>
  /** A request as it would be sent, not a matcher. */
  sentRequest(given: unknown): Read<SentRequest>
}

/** The server that the API is part of. */
export interface ServerPorts {
  /** Where it listens. */
  listening(): readonly number[]
  /** Listens on one more port, 0 for any; rejects where it cannot. */
  bind(port: number): Promise<number>
  /** The name or address that it was told to listen on. */
  readonly host: string
  /** Begins to end the process's work; returns at once. Not there where somebody else decides when it ends. */
  readonly stop?: () => void
}

/** The settings of the process, of which the API may change some while it runs. */
export interface Settings {
  /** Every setting with its value, by name. */
  current(): Readonly<Record<string, unknown>>
  /** Whether somebody has given the setting, and how: a start-up default, the start of the process, or this API. */
  sourceOf(name: string): 'default' | 'start' | 'api'
  /** Changes all that the document names, or nothing; each problem as `$.key: what`. */
  change(given: unknown): Read<undefined>
}

/** Something beside expectations and log that calls fill, and that clearing them empties too. */
export interface Registry {
  /** Everything is forgotten. */
  reset(): void
  /** Expectations are gone: these, or all. */
  cleared(expectationIds: ReadonlySet<string> | 'all'): void
}

/** Numbers of the process, as text. */
export interface MetricsText {
  readonly contentType: string
  text(): Promise<string>
}

/** What may change while the process runs. */
export interface Limits {
  /** Which MockServer it says to be. */
  readonly version: string
  readonly maxExpectations: number
  /** Most bytes of a call's document. */
  readonly bodyLimit: number
  /** A path that is answered to GET like `status`; empty for none. */
  readonly livenessPath: string
}

/** What calls may do with the expectations. */
export type Expectations = Omit<ExpectationStore, 'match' | 'version' | 'replaceFrom'>
/** What calls may do with the log; only traffic adds to it. */
export type Log = Pick<EventLog, 'exchanges' | 'notes' | 'evicted' | 'note' | 'clear' | 'remove'>

/** All that calls see; the whole of it, or the part that belongs to one namespace (scoped.ts). */
export interface Context {
  readonly store: Expectations
  readonly log: Log
  readonly tally: CallTally
  readonly documents: Documents
  readonly server: ServerPorts
  readonly settings: Settings
  readonly limits: Limits
  /** Told of every reset and clearing. */
  readonly registries: readonly Registry[]
  /** Undefined where they are not served here. */
  readonly metrics: MetricsText | undefined
  /** The text of our own OpenAPI document. */
  readonly apiDocument: () => string
  /** Decompresses logged bodies. */
  readonly inflate: Inflate
  /** Most bytes that it makes of one. */
  readonly bodyMatchBytes: number
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number
  readonly waiting: Waiting
  /** The names that a workload asked DNS for and was given this address. */
  readonly namesOf: Origin['namesOf']
  /** Whose request it would be that somebody asks about; undefined for nobody's. */
  readonly sender: Origin | undefined
  /** Expectations that are put, as they are to be stored; or why they must not be. */
  readonly admit: (specs: readonly ExpectationSpec[], nowMs: number) => Read<readonly ExpectationSpec[]>
  /** Expectations as they are given back. */
  readonly shown: (live: LiveExpectation) => LiveExpectation
}

export interface Call {
  readonly query: URLSearchParams
  readonly body: Buffer
  readonly contentType?: string | undefined
  /** What the path names, decoded, where it names something. */
  readonly name?: string | undefined
  readonly nowMs: number
  /** Told when whoever called is gone; there is one listener. */
  readonly onGone: (told: () => void) => void
}

export type Handler = (call: Call, context: Context) => Reply | Promise<Reply>
