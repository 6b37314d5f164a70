/** An exchange that stands for another, and is that one in all that it does not say otherwise. */
import type { Socket } from 'node:net'
import type { BodySink, HttpExchange, Sending } from './exchange.ts'
import type { ParsedRequest } from './head.ts'

/** For whoever changes or watches an exchange: what they do not override is passed on with all that was given. */
export abstract class PassedExchange implements HttpExchange {
  protected readonly inner: HttpExchange

  constructor(inner: HttpExchange) {
    this.inner = inner
  }

  get request(): ParsedRequest {
    return this.inner.request
  }
  get startedAtMs(): number {
    return this.inner.startedAtMs
  }
  get requestBytes(): number {
    return this.inner.requestBytes
  }
  get responseBytes(): number {
    return this.inner.responseBytes
  }
  get keepAlive(): boolean {
    return this.inner.keepAlive
  }
  get onGone(): HttpExchange['onGone'] {
    return this.inner.onGone
  }
  set onGone(told: HttpExchange['onGone']) {
    this.inner.onGone = told
  }
  get onDrain(): HttpExchange['onDrain'] {
    return this.inner.onDrain
  }
  set onDrain(told: HttpExchange['onDrain']) {
    this.inner.onDrain = told
  }

  takeBody(limit: number): Buffer | undefined {
    return this.inner.takeBody(limit)
  }

  collectBody(limit: number, done: (body: Buffer | 'unavailable') => void): void {
    this.inner.collectBody(limit, done)
  }

  peekBody(limit: number): Buffer {
    return this.inner.peekBody(limit)
  }

  readBody(sink: BodySink): void {
    this.inner.readBody(sink)
  }

  resumeBody(): void {
    this.inner.resumeBody()
  }

  interim(statusCode: number, headers: readonly string[]): void {
    this.inner.interim(statusCode, headers)
  }

  sendWhole(response: Buffer, payloadBytes: number, sending?: Sending): void {
    this.inner.sendWhole(response, payloadBytes, sending)
  }

  sendPart(bytes: Buffer, payloadBytes: number, shown: Buffer): void {
    this.inner.sendPart(bytes, payloadBytes, shown)
  }

  start(statusCode: number, reason: string | undefined, headers: readonly string[], closes?: boolean): void {
    this.inner.start(statusCode, reason, headers, closes)
  }

  write(chunk: Buffer): boolean {
    return this.inner.write(chunk)
  }

  end(trailers: readonly string[]): void {
    this.inner.end(trailers)
  }

  abort(): void {
    this.inner.abort()
  }

  takeOver(shown?: Buffer): { readonly socket: Socket; readonly rest: Buffer } {
    return this.inner.takeOver(shown)
  }
}
