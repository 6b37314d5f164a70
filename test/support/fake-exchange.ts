/** A client's exchange without a client: what was sent to it is noted. */
import type { BodySink, HttpExchange } from '../../src/http1/exchange.ts'
import { parseRequestHead } from '../../src/http1/head.ts'
import { DEFAULT_LIMITS } from '../../src/http1/limits.ts'

export interface FakeExchange extends HttpExchange {
  /** Everything that was sent, as text. */
  readonly sent: string[]
}

export const fakeExchange = (lines: readonly string[], body?: string): FakeExchange => {
  const parsed = parseRequestHead(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), 0, DEFAULT_LIMITS)
  if (parsed.kind !== 'head') throw new Error(JSON.stringify(parsed))
  const sent: string[] = []
  const bytes = Buffer.from(body ?? '')
  return {
    sent,
    request: parsed.request,
    startedAtMs: 0,
    requestBytes: bytes.length,
    responseBytes: 0,
    keepAlive: true,
    onGone: undefined,
    onDrain: undefined,
    takeBody: (limit) => (bytes.length <= limit ? bytes : undefined),
    collectBody: (limit, done) => done(bytes.length <= limit ? bytes : 'unavailable'),
    peekBody: (limit) => bytes.subarray(0, limit),
    readBody: (sink: BodySink) => {
      if (bytes.length > 0) sink.data(bytes)
      sink.end([])
    },
    resumeBody: () => undefined,
    interim: (status) => sent.push(`interim ${status}`),
    sendWhole: (response) => sent.push(response.toString('latin1')),
    sendPart: (bytes) => sent.push(bytes.toString('latin1')),
    start: (status, reason, headers) => sent.push(`start ${status} ${reason ?? ''} ${headers.join(',')}`),
    write: (chunk) => {
      sent.push(`write ${chunk}`)
      return true
    },
    end: () => sent.push('end'),
    abort: () => sent.push('abort'),
    takeOver: () => {
      throw new Error('no socket')
    },
  }
}
