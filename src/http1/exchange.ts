/** One HTTP/1.x request and the way to answer it, as the stages after parsing see it. Types only. */
import type { Socket } from 'node:net'
import type { ClientFault } from '../flow.ts'
import type { ParsedRequest } from './head.ts'

/** Takes a request body as it arrives. */
export interface BodySink {
  /** Payload, in order. `false` pauses the client until `resumeBody()`. */
  data(chunk: Buffer): boolean
  end(trailers: readonly string[]): void
}

/** What is unusual about a response that is sent whole. */
export interface Sending {
  /** What those who watch take for the response, where that is not what is sent. */
  readonly shown?: Buffer
  /** Whether the connection stays, whatever the client asked for; one that has to end ends all the same. */
  readonly stays?: boolean
}

/**
 * A connection's current exchange. One object serves all exchanges of its connection, one after the other; nothing may
 * be called on it after `end`, `sendWhole`, `abort` or `takeOver`.
 */
export interface HttpExchange {
  readonly request: ParsedRequest
  readonly startedAtMs: number
  /** Payload bytes so far. */
  readonly requestBytes: number
  readonly responseBytes: number
  /** Called at most once, when the client goes before the answer is complete, or its body turns out not to be one:
   * `status` is what it was then told, if anything. */
  onGone: ((fault: ClientFault | 'bad_request', status?: number) => void) | undefined
  /** Called when `write` may go on after it returned false. */
  onDrain: (() => void) | undefined

  /** The whole body, if all of it has arrived with the head and fits `limit` bytes. */
  takeBody(limit: number): Buffer | undefined
  /** Waits for the body; 'unavailable' when it is larger than `limit` or the budget. `readBody` gives it again. */
  collectBody(limit: number, done: (body: Buffer | 'unavailable') => void): void
  /** What `collectBody` holds of the body, at most `limit` bytes: its start, where it was 'unavailable'. */
  peekBody(limit: number): Buffer
  /** Streams the body, from its first byte. */
  readBody(sink: BodySink): void
  resumeBody(): void

  /** Sends an interim (1xx) response. */
  interim(statusCode: number, headers: readonly string[]): void
  /** Sends a complete response made of one buffer, `payloadBytes` of it body. */
  sendWhole(response: Buffer, payloadBytes: number, sending?: Sending): void
  /** Sends bytes of a response as they are; `sendWhole` sends the last ones. `shown` as there. */
  sendPart(bytes: Buffer, payloadBytes: number, shown: Buffer): void
  /** Begins a response; `headers` are end-to-end only, framing is added here. With `closes`, the connection ends after it. */
  start(statusCode: number, reason: string | undefined, headers: readonly string[], closes?: boolean): void
  /** Body bytes; `false` asks to wait for `onDrain`. */
  write(chunk: Buffer): boolean
  end(trailers: readonly string[]): void
  /** Ends the connection with a reset: the answer cannot be completed and must not look complete. */
  abort(): void
  /** Hands over the socket for bytes that are no longer HTTP, with what has arrived beyond the request. `shown`: the
   * response that whoever takes it sends, for those who watch. */
  takeOver(shown?: Buffer): { readonly socket: Socket; readonly rest: Buffer }
  /** Whether the connection stays open for another request after this one. */
  readonly keepAlive: boolean
}
