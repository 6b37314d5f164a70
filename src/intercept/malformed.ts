/** The answer to bytes that are no request, or to a body that cannot be read. */
import type { RefuseReason } from '../flow.ts'
import { encodeResponseHead } from '../http1/response.ts'

export interface MalformedAnswer {
  readonly reason: RefuseReason
  readonly bytes: Buffer
  /** Those of `bytes` that are body. */
  readonly payloadBytes: number
}

const REASONS: Readonly<Record<number, RefuseReason>> = {
  408: 'request_timeout',
  417: 'expectation_failed',
  501: 'not_implemented',
}

/** A response that says why, and that the connection ends with it. */
export const malformedAnswer = (status: number, why: string): MalformedAnswer => {
  const reason = REASONS[status] ?? 'bad_request'
  const body = Buffer.from(`understudy: ${why}\n`, 'latin1')
  const head = encodeResponseHead(status, undefined, [
    ...['content-type', 'text/plain', 'content-length', `${body.length}`],
    ...['x-understudy-reason', reason, 'connection', 'close'],
  ])
  return { reason, bytes: Buffer.concat([Buffer.from(head, 'latin1'), body]), payloadBytes: body.length }
}
