/** What is compared: one file per server that answers what it was told to, all spoken to alike. Types only. */

/** One thing to answer, in no server's language. */
export interface Stub {
  /** Any where there is none. */
  readonly method?: string
  /** The whole path: literal, or a regular expression that must match all of it. */
  readonly path: { readonly literal: string } | { readonly pattern: string }
  /** The body must be this JSON. */
  readonly json?: unknown
  /** The body of the answer, JSON; always with status 200. */
  readonly answer: string
}

export interface Peer {
  readonly name: string
  /** Starts it on the core of what is measured. Rejects with the reason where it cannot be started here. */
  start(): Promise<Running>
}

export interface Running {
  readonly pid: number
  readonly url: string
  /** Replaces all that it answers; the first in the list is the first to be asked, the last the last. */
  load(stubs: readonly Stub[]): Promise<void>
  close(): Promise<void>
}
