/** Writes the responses of one client connection: framing, and as few writes as the kernel needs. */
import type { Socket } from 'node:net'
import { encodeChunk, encodeLastChunk, encodeResponseHead, headerValue } from '../http1/response.ts'

/** Below this, head and first bytes are copied into one buffer: one system call instead of a vector of them. */
const JOIN_BYTES = 16 * 1024

type Mode = 'none' | 'identity' | 'chunked' | 'until_close'

export interface ResponseRequest {
  readonly method: string
  readonly httpVersion: '1.0' | '1.1'
}

export interface ResponseWriter {
  readonly started: boolean
  readonly payloadBytes: number
  /** Whether the body ends with the connection. */
  readonly endsWithClose: boolean
  start(
    request: ResponseRequest,
    statusCode: number,
    reason: string | undefined,
    headers: readonly string[],
    keepAlive: boolean,
  ): void
  /** Bytes of a response as they are, or all of them. */
  raw(bytes: Buffer, payloadBytes: number): void
  write(chunk: Buffer): boolean
  end(trailers: readonly string[]): void
  reset(): void
}

const modeOf = (request: ResponseRequest, statusCode: number, headers: readonly string[]): Mode => {
  if (request.method === 'HEAD' || statusCode === 204 || statusCode === 304) return 'none'
  if (headerValue(headers, 'content-length') !== undefined) return 'identity'
  return request.httpVersion === '1.1' ? 'chunked' : 'until_close'
}

/** The Connection header to add: what the version does not already imply (RFC 9112 9.3). */
const persistence = (request: ResponseRequest, keepAlive: boolean): readonly string[] => {
  if (!keepAlive) return ['connection', 'close']
  return request.httpVersion === '1.0' ? ['connection', 'keep-alive'] : []
}

const join = (head: string, chunk: Buffer): Buffer => {
  const joined = Buffer.allocUnsafe(head.length + chunk.length)
  joined.write(head, 0, 'latin1')
  chunk.copy(joined, head.length)
  return joined
}

export const createResponseWriter = (socket: Socket): ResponseWriter => {
  let mode: Mode = 'none'
  let heldHead = ''
  let started = false
  let payloadBytes = 0

  const flushHead = (): boolean => {
    if (heldHead === '') return true
    const head = heldHead
    heldHead = ''
    return socket.write(head, 'latin1')
  }

  /** Writes a framed piece, with the head in front of it when that has not left yet. */
  const send = (piece: Buffer): boolean => {
    if (heldHead === '') return socket.write(piece)
    if (piece.length > JOIN_BYTES) {
      flushHead()
      return socket.write(piece)
    }
    const joined = join(heldHead, piece)
    heldHead = ''
    return socket.write(joined)
  }

  return {
    get started() {
      return started
    },
    get payloadBytes() {
      return payloadBytes
    },
    get endsWithClose() {
      return mode === 'until_close'
    },
    start: (request, statusCode, reason, headers, keepAlive) => {
      started = true
      mode = modeOf(request, statusCode, headers)
      const framing = mode === 'chunked' ? ['transfer-encoding', 'chunked'] : []
      const stays = keepAlive && mode !== 'until_close'
      heldHead = encodeResponseHead(statusCode, reason, [...headers, ...framing, ...persistence(request, stays)])
      // The first body bytes usually come in this same turn and share the head's write; a slow body must not hold it.
      process.nextTick(flushHead)
    },
    raw: (bytes, payload) => {
      started = true
      payloadBytes += payload
      if (bytes.length > 0) socket.write(bytes)
    },
    write: (chunk) => {
      if (mode === 'none' || chunk.length === 0) return true
      payloadBytes += chunk.length
      return send(mode === 'chunked' ? encodeChunk(chunk) : chunk)
    },
    end: (trailers) => {
      if (mode === 'chunked') send(Buffer.from(encodeLastChunk(trailers), 'latin1'))
      else flushHead()
    },
    reset: () => {
      started = false
      payloadBytes = 0
      heldHead = ''
    },
  }
}
