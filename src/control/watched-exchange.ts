/** An exchange that is answered as before, while the log notes how. */
import type { Socket } from 'node:net'
import type { BodySink, HttpExchange, Sending } from '../http1/exchange.ts'
import { PassedExchange } from '../http1/passed-exchange.ts'
import type { EventLog } from './event-log.ts'
import type { KeptBytes } from './kept-bytes.ts'
import type { OpenExchange } from './logged-exchange.ts'

/** Where it is noted. */
export type WatchLog = Pick<EventLog, 'keep' | 'grown' | 'received' | 'answered' | 'ended'>

/** A class: one is made per request. `hasBody`: the entry has the request's body already. */
export class WatchedExchange extends PassedExchange {
  readonly #log: WatchLog
  readonly #entry: OpenExchange
  readonly #now: () => number
  #hasBody: boolean
  #answer: KeptBytes | undefined

  constructor(inner: HttpExchange, log: WatchLog, entry: OpenExchange, now: () => number, hasBody: boolean) {
    super(inner)
    this.#log = log
    this.#entry = entry
    this.#now = now
    this.#hasBody = hasBody
  }

  #keep(body: KeptBytes, chunk: Buffer): void {
    const bytes = body.take(chunk)
    if (bytes > 0) this.#log.grown(this.#entry, bytes)
  }

  override takeBody(limit: number): Buffer | undefined {
    const whole = this.inner.takeBody(limit)
    if (whole && !this.#hasBody) {
      this.#keep(this.#entry.body, whole)
      this.#bodyEnded()
    }
    return whole
  }

  override readBody(sink: BodySink): void {
    if (this.#hasBody) return this.inner.readBody(sink)
    this.inner.readBody({
      data: (chunk) => {
        this.#keep(this.#entry.body, chunk)
        return sink.data(chunk)
      },
      end: (trailers) => {
        this.#bodyEnded()
        sink.end(trailers)
      },
    })
  }

  /** A body that is streamed counts as cut short until its end has been seen. */
  #bodyEnded(): void {
    const { body } = this.#entry
    body.isCut = body.held < body.total
    this.#hasBody = true // a request that is sent once more has the same
    this.#log.received(this.#entry)
  }

  /** Before any of it leaves: who has it may ask for it. */
  #show(bytes: Buffer): void {
    if (this.#entry.response === undefined) this.#log.answered(this.#entry, { kind: 'whole', bytes, isCut: false })
  }

  override sendWhole(response: Buffer, payloadBytes: number, sending?: Sending): void {
    this.#show(sending?.shown ?? response)
    this.#log.ended(this.#entry, this.#now(), this.#hasBody)
    this.inner.sendWhole(response, payloadBytes, sending)
  }

  override sendPart(bytes: Buffer, payloadBytes: number, shown: Buffer): void {
    this.#show(shown)
    this.inner.sendPart(bytes, payloadBytes, shown)
  }

  override start(statusCode: number, reason: string | undefined, headers: readonly string[], closes?: boolean): void {
    this.#answer = this.#log.keep()
    const { length } = headers
    this.#log.grown(this.#entry, headers.reduce((sum, text) => sum + text.length, 0) + length * 24)
    this.#log.answered(this.#entry, { kind: 'streamed', statusCode, reason, headers, body: this.#answer })
    this.inner.start(statusCode, reason, headers, closes)
  }

  override write(chunk: Buffer): boolean {
    if (this.#answer) this.#keep(this.#answer, chunk)
    return this.inner.write(chunk)
  }

  override end(trailers: readonly string[]): void {
    this.#log.ended(this.#entry, this.#now(), this.#hasBody)
    this.inner.end(trailers)
  }

  override abort(): void {
    if (this.#answer) this.#answer.isCut = true
    this.inner.abort()
  }

  override takeOver(shown?: Buffer): { readonly socket: Socket; readonly rest: Buffer } {
    if (shown) {
      this.#show(shown)
      this.#log.ended(this.#entry, this.#now(), this.#hasBody)
    }
    return this.inner.takeOver(shown)
  }
}
