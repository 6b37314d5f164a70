/**
 * A client's exchange as an upstream is shown it: with a changed request, and with an answer that is changed before the client
 * gets it. Whoever forwards need not know.
 */
import type { AnswerHead, Fallback, MockResponse, ResponseChange } from '../action.ts'
import type { Outcome, UpstreamFault } from '../flow.ts'
import type { BodySink, HttpExchange, Sending } from '../http1/exchange.ts'
import type { ParsedRequest } from '../http1/head.ts'
import { PassedExchange } from '../http1/passed-exchange.ts'
import { changedAnswer, framedFor, type Patch, withoutLength } from './changed-answer.ts'
import { type Done, outcomeOf } from './finish.ts'
import { createHeldBody, type HeldBody, type HoldingLimits } from './held-body.ts'
import { refuse, refuseUpstream } from './refuse.ts'
import { respond } from './respond.ts'

export interface ChangedParts {
  readonly request: ParsedRequest
  /** In place of the client's. */
  readonly body: Buffer | undefined
  readonly response: ResponseChange | undefined
  readonly fallback: Fallback | undefined
}

/**
 * passing: the answer goes through; holding: all of it is wanted; failed: the upstream's fault is to be answered; left: the
 * client has been answered, or is about to be, and what else comes from the upstream is dropped.
 */
type Stage = 'passing' | 'holding' | 'failed' | 'left'

/** What has arrived of a body that is replaced is noted with the request; more is not waited for. */
const NOTED_BYTES = 64 * 1024
/** An answer that nobody wants is read to here, so that its connection can be kept; beyond, or later, it is closed. */
const DRAIN_BYTES = 256 * 1024
const DRAIN_MS = 5000

/** A class: its state changes with every event of both sides. */
export class ChangedExchange extends PassedExchange {
  readonly #parts: ChangedParts
  readonly #limits: HoldingLimits
  readonly #done: Done
  #stage: Stage = 'passing'
  /** What the client was told, where that was not the upstream's. */
  #status: number | undefined
  #told: HttpExchange['onGone']
  #isSending = false
  #head: AnswerHead | undefined
  #patches: readonly Patch[] = []
  #held: HeldBody | undefined
  #drained = 0
  #drainTimer: NodeJS.Timeout | undefined

  constructor(inner: HttpExchange, parts: ChangedParts, limits: HoldingLimits, done: Done) {
    super(inner)
    this.#parts = parts
    this.#limits = limits
    this.#done = done
  }

  // ── the request ─────────────────────────────────────────────────────────────────────────────────────────────────

  override get request(): ParsedRequest {
    return this.#parts.request
  }
  override get onGone(): HttpExchange['onGone'] {
    return this.#told
  }
  override set onGone(told: HttpExchange['onGone']) {
    this.#told = told
    if (this.#stage === 'passing' || this.#stage === 'holding') this.inner.onGone = told && this.#gone
  }
  override get onDrain(): HttpExchange['onDrain'] {
    return this.inner.onDrain
  }
  override set onDrain(told: HttpExchange['onDrain']) {
    if (this.#stage === 'passing') this.inner.onDrain = told
  }

  readonly #gone: NonNullable<HttpExchange['onGone']> = (fault, status) => {
    this.#held?.release()
    this.#told?.(fault, status)
  }

  override takeBody(limit: number): Buffer | undefined {
    const { body } = this.#parts
    if (!body) return this.inner.takeBody(limit)
    this.inner.takeBody(NOTED_BYTES)
    return body.length <= limit ? body : undefined
  }

  override readBody(sink: BodySink): void {
    const { body } = this.#parts
    if (body) {
      this.inner.takeBody(NOTED_BYTES)
      if (body.length > 0) sink.data(body)
      return sink.end([])
    }
    this.#isSending = true
    this.inner.readBody({
      data: (chunk) => sink.data(chunk),
      end: (trailers) => {
        this.#isSending = false
        sink.end(trailers)
      },
    })
  }

  override resumeBody(): void {
    if (this.#stage !== 'left' && !this.#parts.body) this.inner.resumeBody()
  }

  // ── the answer, as the upstream gives it ────────────────────────────────────────────────────────────────────────

  override interim(statusCode: number, headers: readonly string[]): void {
    if (this.#stage === 'passing') this.inner.interim(statusCode, headers)
  }

  override start(statusCode: number, reasonPhrase: string | undefined, headers: readonly string[]): void {
    if (this.#stage !== 'passing') return
    const { response = {}, fallback } = this.#parts
    if (fallback?.onStatus(statusCode)) return this.#answer(fallback.response)
    const upstream = { statusCode, headers, ...(reasonPhrase === undefined ? {} : { reasonPhrase }) }
    const asked = this.inner.request.head
    const { head, patches } = changedAnswer(upstream, response.steps ?? [], asked, response.body !== undefined)
    const was = { statusCode, method: this.request.head.method }
    this.#patches = patches
    if (response.body) return this.#finish(head, this.#patched(head, response.body))
    const framed = framedFor(head, was, asked.method)
    // The length of a body that is not asked for, and would be another one.
    const isUnknown = patches.length > 0 && asked.method === 'HEAD'
    this.#head = { ...head, headers: isUnknown ? withoutLength(framed) : framed }
    if (!response.rewrite && (patches.length === 0 || isUnknown)) return this.#begin(this.#head)
    this.#stage = 'holding'
    this.#held = createHeldBody(this.#limits)
  }

  #begin({ statusCode, reasonPhrase, headers }: AnswerHead): void {
    this.#status = statusCode
    this.inner.start(statusCode, reasonPhrase, headers)
  }

  override write(chunk: Buffer): boolean {
    switch (this.#stage) {
      case 'passing':
        return this.inner.write(chunk)
      case 'holding':
        return this.#held?.hold(chunk) || this.#tooLarge(chunk)
      case 'failed':
        return true
      case 'left':
        this.#drained += chunk.length
        if (this.#drained > DRAIN_BYTES) this.#cancel()
        return true
    }
  }

  /** Goes on without what needs all of it; where nothing else would be true, there is no answer. */
  #tooLarge(chunk: Buffer): boolean {
    const chunks = [...(this.#held?.chunks ?? []), chunk]
    this.#held?.release()
    const head = this.#head
    if (this.#parts.response?.rewrite || !head) {
      this.#leave()
      this.#refuse('the answer is too large to be held')
      return true
    }
    this.#stage = 'passing'
    this.#begin(head)
    return chunks.map((one) => this.inner.write(one)).every(Boolean)
  }

  override end(trailers: readonly string[]): void {
    if (this.#stage === 'passing') return this.inner.end(trailers)
    this.#settled()
    const head = this.#head
    if (this.#stage !== 'holding' || !head) return
    const body = Buffer.concat(this.#held?.chunks ?? [])
    this.#held?.release()
    this.#finish(head, this.#patched(head, body))
  }

  /** Only what is there in the clear can be patched. */
  #patched(head: AnswerHead, body: Buffer): Buffer {
    const isCoded = withoutLength(head.headers).some((name, i) => i % 2 === 0 && /^content-encoding$/i.test(name))
    if (isCoded || body.length === 0) return body
    let now = body
    for (const patch of this.#patches) now = patch(now) ?? now
    return now
  }

  /** The answer is complete but for what may be made of it. */
  #finish(head: AnswerHead, body: Buffer): void {
    const whole: MockResponse = { ...head, headers: withoutLength(head.headers), body, delayMs: 0 }
    const rewrite = this.#parts.response?.rewrite
    if (!rewrite) return this.#answer(whole)
    this.#leave()
    const inner = this.inner
    let isGone = false
    inner.onGone = (fault, status) => {
      isGone = true
      this.#done(outcomeOf(inner, status, 0, fault))
    }
    const send = (response: MockResponse): void => {
      if (isGone) return
      inner.onGone = undefined
      respond(inner, response, this.#done)
    }
    Promise.resolve(whole)
      .then(rewrite)
      .then(send)
      .catch((error: unknown) => {
        if (!isGone) this.#refuse(error instanceof Error ? error.message : String(error))
      })
  }

  override abort(): void {
    this.#settled()
    if (this.#stage === 'passing') this.inner.abort()
    else if (this.#stage === 'holding') {
      this.#held?.release()
      this.#stage = 'failed'
    }
  }

  override sendWhole(response: Buffer, payloadBytes: number, sending?: Sending): void {
    this.#settled()
    if (this.#stage !== 'passing') return
    if (this.#parts.fallback?.onFault) this.#stage = 'failed'
    else this.inner.sendWhole(response, payloadBytes, sending)
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** To be called with the outcome as whoever forwards has it. */
  finished = (outcome: Outcome): void => {
    this.#settled()
    switch (this.#stage) {
      case 'left':
        return
      case 'failed':
        return this.#failed(outcome.fault as UpstreamFault)
      case 'passing':
      case 'holding':
        this.#done(this.#status === undefined ? outcome : { ...outcome, status: this.#status })
    }
  }

  #failed(fault: UpstreamFault): void {
    const { fallback } = this.#parts
    this.#stage = 'left'
    if (!fallback?.onFault) return refuseUpstream(this.inner, fault, undefined, this.#done)
    respond(this.inner, fallback.response, (outcome) => this.#done({ ...outcome, fault }))
  }

  #answer(response: MockResponse): void {
    this.#leave()
    respond(this.inner, response, this.#done)
  }

  #refuse(detail: string): void {
    refuse(this.inner, 500, 'change_failed', this.#done, [], detail)
  }

  /** The client is answered from here. The upstream has little left to say, or is told that nobody listens. */
  #leave(): void {
    this.#stage = 'left'
    this.inner.onGone = undefined
    this.inner.onDrain = undefined
    // A client that is answered sends no more of its request, and its upstream would wait for that.
    if (this.#isSending) setImmediate(() => this.#cancel())
    else this.#drainTimer = setTimeout(() => this.#cancel(), DRAIN_MS).unref()
  }

  #settled(): void {
    clearTimeout(this.#drainTimer)
    if (this.#stage === 'left') this.#told = undefined
  }

  #cancel(): void {
    clearTimeout(this.#drainTimer)
    const told = this.#told
    this.#told = undefined
    told?.('client_closed')
  }
}
