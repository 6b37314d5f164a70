/** One HTTP/1.x request and its answer on an upstream connection that serves nothing else. */
import type { Socket } from 'node:net'
import { type BodyDecoder, createBodyDecoder } from '../http1/body.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { type ParsedResponse, parseResponseHead } from '../http1/head.ts'
import type { Limits } from '../http1/limits.ts'
import { encodeResponseHead } from '../http1/response.ts'
import { codedError, upstreamFault } from './fault.ts'
import { type Done, nowMs, outcomeOf } from './finish.ts'
import { refuseUpstream } from './refuse.ts'
import { relay } from './relay.ts'
import { upgradeOf } from './upstream-request.ts'
import { clientHeaders, type Marker } from './upstream-response.ts'

export interface ConversationOptions {
  readonly limits: Limits
  readonly headersTimeoutMs: number
  /** How long the answer may stand still. */
  readonly bodyTimeoutMs: number
  readonly marker?: Marker
}

const EMPTY: Buffer = Buffer.alloc(0)

/** 101, or 2xx to CONNECT: what follows is no longer HTTP. */
const switches = (exchange: HttpExchange, { statusCode }: ParsedResponse): boolean =>
  statusCode === 101
    ? upgradeOf(exchange) !== undefined
    : exchange.request.head.method === 'CONNECT' && statusCode >= 200 && statusCode < 300

/** Reads the answer and passes it on. A class: the state of one exchange, changed by every event of its socket. */
export class Conversation {
  readonly #exchange: HttpExchange
  readonly #upstream: Socket
  readonly #options: ConversationOptions
  readonly #done: Done
  #pending: Buffer = EMPTY
  #scanned = 0
  #status: number | undefined
  #decoder: BodyDecoder | undefined
  #isOver = false
  #isSent = false
  #untilClose = false

  constructor(exchange: HttpExchange, upstream: Socket, options: ConversationOptions, done: Done) {
    this.#exchange = exchange
    this.#upstream = upstream
    this.#options = options
    this.#done = done
    exchange.onGone = (fault, status) => {
      if (this.#isOver) return
      this.#close()
      done(outcomeOf(exchange, status ?? this.#status, exchange.responseBytes, fault))
    }
    upstream.setTimeout(options.headersTimeoutMs)
    upstream.on('timeout', () => {
      // While the client is still sending, silence is its own, not the upstream's.
      if (this.#isSent || upstream.writableNeedDrain) this.fail(codedError('ETIMEDOUT', 'the upstream kept silent'))
    })
    upstream.on('error', (error) => this.fail(error))
    upstream.on('data', (chunk: Buffer) => this.#receive(chunk))
    upstream.on('end', () => this.#ended())
    upstream.on('close', () => this.#ended())
  }

  /** To be called once the whole request has been written: from then on the upstream is expected to answer. */
  requestSent(): void {
    if (this.#isOver) return
    this.#isSent = true
    if (this.#status === undefined) this.#upstream.setTimeout(this.#options.headersTimeoutMs)
  }

  #close(): void {
    this.#isOver = true
    this.#upstream.destroy()
  }

  /** The upstream's fault: told to the client if nothing of the answer has gone out, else the connection is reset. */
  fail(error: Error): void {
    if (this.#isOver) return
    this.#close()
    const exchange = this.#exchange
    const fault = upstreamFault(error)
    if (this.#status === undefined) return refuseUpstream(exchange, fault, error, this.#done)
    const outcome = outcomeOf(exchange, this.#status, exchange.responseBytes, fault)
    exchange.abort()
    this.#done(outcome)
  }

  #complete(trailers: readonly string[]): void {
    if (this.#isOver) return
    this.#close()
    const outcome = outcomeOf(this.#exchange, this.#status, this.#exchange.responseBytes)
    this.#exchange.end(trailers)
    this.#done(outcome)
  }

  #ended(): void {
    if (this.#isOver) return
    if (this.#untilClose) this.#complete([])
    else this.fail(codedError('UND_ERR_SOCKET', 'the upstream closed before its answer was complete'))
  }

  #receive(chunk: Buffer): void {
    if (this.#isOver) return
    if (this.#decoder) return this.#feed(chunk)
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    while (!this.#isOver && !this.#decoder && this.#readHead());
  }

  /** Reads one head; true when another may follow. */
  #readHead(): boolean {
    const exchange = this.#exchange
    const { method } = exchange.request.head
    const parsed = parseResponseHead(this.#pending, 0, this.#options.limits, method, this.#scanned)
    if (parsed.kind === 'more') {
      this.#scanned = parsed.scanned
      return false
    }
    if (parsed.kind === 'bad') {
      this.fail(codedError('EPROTO', parsed.why))
      return false
    }
    const { response } = parsed
    this.#pending = this.#pending.subarray(response.length)
    this.#scanned = 0
    if (switches(exchange, response)) this.#handOver(response)
    else if (response.statusCode >= 200) this.#answer(response)
    else if (response.statusCode === 101) this.fail(codedError('EPROTO', 'an upgrade that nobody asked for'))
    else exchange.interim(response.statusCode, clientHeaders(response.statusCode, response.headers))
    return true
  }

  #answer(response: ParsedResponse): void {
    const exchange = this.#exchange
    const upstream = this.#upstream
    this.#status = response.statusCode
    this.#untilClose = response.framing.kind === 'until_close'
    upstream.setTimeout(this.#options.bodyTimeoutMs)
    exchange.onDrain = () => upstream.resume()
    const headers = clientHeaders(response.statusCode, response.headers, this.#options.marker)
    exchange.start(response.statusCode, response.reason || undefined, headers)
    const pass = (chunk: Buffer): void => {
      if (!exchange.write(chunk)) upstream.pause()
    }
    this.#decoder = createBodyDecoder(response.framing, pass, this.#options.limits)
    const rest = this.#pending
    this.#pending = EMPTY
    this.#feed(rest)
  }

  #feed(chunk: Buffer): void {
    const progress = this.#decoder?.feed(chunk, 0)
    if (progress?.state === 'done') this.#complete(this.#decoder?.trailers ?? [])
    else if (progress?.state === 'bad') this.fail(codedError('EPROTO', progress.why ?? 'malformed response body'))
  }

  /** From here on it is bytes both ways. */
  #handOver(response: ParsedResponse): void {
    this.#isOver = true
    const { requestBytes, startedAtMs } = this.#exchange
    const { socket, rest } = this.#exchange.takeOver()
    const upstream = this.#upstream
    upstream.removeAllListeners('timeout')
    upstream.removeAllListeners('data')
    socket.write(encodeResponseHead(response.statusCode, response.reason || undefined, response.headers), 'latin1')
    relay(
      socket,
      upstream,
      { fromClient: rest, fromUpstream: this.#pending },
      { halfClosedTimeoutMs: this.#options.bodyTimeoutMs },
      (ended) =>
        this.#done({
          status: response.statusCode,
          ...(ended.fault ? { fault: ended.fault } : {}),
          requestBytes: requestBytes + ended.sentBytes,
          responseBytes: ended.receivedBytes,
          durationMs: nowMs() - startedAtMs,
        }),
    )
  }
}
