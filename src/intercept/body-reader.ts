/** Reads one request body: to whoever takes it, into memory for matching, or to nowhere. */
import { type BodyDecoder, createBodyDecoder } from '../http1/body.ts'
import type { BodySink } from '../http1/exchange.ts'
import type { Framing } from '../http1/framing.ts'
import type { Limits } from '../http1/limits.ts'

/** Memory shared by all bodies that are held for matching. */
export interface BodyBudget {
  take(bytes: number): boolean
  give(bytes: number): void
}

export type Collected = Buffer | 'unavailable'
export type BodyState = 'idle' | 'done' | 'bad'

const EMPTY: Buffer = Buffer.alloc(0)

const isEmpty = (framing: Framing): boolean =>
  framing.kind === 'none' || (framing.kind === 'length' && framing.bytes === 0)

/** A class: one is made per request that has a body, and its state changes with every chunk. */
export class BodyReader {
  readonly #framing: Framing
  readonly #decoder: BodyDecoder
  readonly #budget: BodyBudget
  #sink: BodySink | undefined
  #paused = false
  #held: Buffer[] = []
  #heldBytes = 0
  done: boolean
  why = ''

  constructor(framing: Framing, limits: Limits, budget: BodyBudget) {
    this.#framing = framing
    this.#budget = budget
    this.#decoder = createBodyDecoder(framing, (chunk) => this.#take(chunk), limits)
    this.done = isEmpty(framing)
  }

  get payloadBytes(): number {
    return this.#decoder.payloadBytes
  }
  get trailers(): readonly string[] {
    return this.#decoder.trailers
  }
  /** Whether nobody takes it, and more than `bytes` are known to be still to come. */
  leavesMoreThan(bytes: number): boolean {
    return !this.#sink && this.#framing.kind === 'length' && this.#framing.bytes - this.payloadBytes > bytes
  }
  /** Whether somebody takes payload now. */
  get wanted(): boolean {
    return this.#sink !== undefined && !this.#paused
  }
  get hasSink(): boolean {
    return this.#sink !== undefined
  }

  #take(chunk: Buffer): void {
    if (this.#sink && !this.#sink.data(chunk)) this.#paused = true
  }

  /** Decodes what has arrived; returns the bytes left over and how it stands. Tells the sink when the body is complete. */
  feed(pending: Buffer): { readonly rest: Buffer; readonly state: BodyState } {
    const progress = this.#decoder.feed(pending, 0)
    const rest = progress.consumed === pending.length ? EMPTY : pending.subarray(progress.consumed)
    if (progress.state === 'more') return { rest, state: 'idle' }
    if (progress.state === 'bad') {
      this.why = progress.why ?? 'malformed body'
      return { rest, state: 'bad' }
    }
    this.done = true
    return { rest, state: 'done' }
  }

  /** To be called once after `feed` said done. */
  tellEnd(): void {
    this.#sink?.end(this.trailers)
  }

  /** The whole body, if it is here and fits: the fast way for small ones. */
  takeWhole(pending: Buffer, limit: number): { readonly body: Buffer; readonly rest: Buffer } | undefined {
    if (this.done) return { body: this.#whole(), rest: pending }
    const framing = this.#framing
    if (framing.kind !== 'length' || framing.bytes > limit || this.#held.length > 0) return undefined
    if (pending.length < framing.bytes) return undefined
    const { rest } = this.feed(pending)
    return { body: pending.subarray(0, framing.bytes), rest }
  }

  /** Holds the body for matching, within `limit` and the shared budget; `onLimit` is called when it is over the limit. */
  collect(limit: number, done: (body: Collected) => void, onLimit: () => void): void {
    this.#paused = false
    this.#sink = {
      data: (chunk) => {
        this.#held.push(chunk)
        const fits = this.#heldBytes + chunk.length <= limit
        if (!fits) onLimit()
        if (fits && this.#budget.take(chunk.length)) {
          this.#heldBytes += chunk.length
          return true
        }
        this.#sink = undefined // the rest waits for `stream`
        done('unavailable')
        return this.#sink !== undefined && !this.#paused
      },
      end: () => done(this.#whole()),
    }
  }

  #whole(): Buffer {
    return (this.#held.length === 1 && this.#held[0]) || Buffer.concat(this.#held)
  }

  /** Holds a body that `takeWhole` gave, so that `stream` gives it again. */
  keep(body: Buffer): void {
    if (body.length > 0 && this.#held.length === 0) this.#held.push(body)
  }

  /** The first bytes of what is held. */
  peek(limit: number): Buffer {
    return this.#whole().subarray(0, limit)
  }

  /** Streams the body from its first byte, held ones included. */
  stream(sink: BodySink): void {
    this.#paused = false
    this.#sink = sink
    for (const chunk of this.#held) this.#take(chunk)
    this.release()
    if (this.done) sink.end(this.trailers)
  }

  /** Nobody takes it any more; what is held is given back. */
  drop(): void {
    this.#sink = undefined
    this.#paused = false
    this.release()
  }

  /** True when it had been paused. */
  resume(): boolean {
    const was = this.#paused
    this.#paused = false
    return was
  }

  release(): void {
    if (this.#heldBytes > 0) this.#budget.give(this.#heldBytes)
    this.#held = []
    this.#heldBytes = 0
  }
}
