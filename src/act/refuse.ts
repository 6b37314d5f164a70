/** Answers that are ours because nobody else's can be had. The reason travels in `x-understudy-reason`. */
import type { Closest, Outcome, RefuseReason, UpstreamFault } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { encodeResponseHead } from '../http1/response.ts'
import { statusOfFault } from './fault.ts'
import { type Done, outcomeOf } from './finish.ts'

const NO_BODY = Buffer.alloc(0)

const send = (
  exchange: HttpExchange,
  status: number,
  reason: NonNullable<Outcome['fault']>,
  why: string,
  done: Done,
  more: readonly string[] = [],
): void => {
  const text = Buffer.from(`${why}\n`, 'utf8')
  const { method, httpVersion } = exchange.request.head
  const body = method === 'HEAD' ? NO_BODY : text
  const stays = exchange.keepAlive
  const headers = ['content-type', 'text/plain; charset=utf-8', 'x-understudy-reason', reason, ...more]
  headers.push('content-length', `${text.length}`)
  if (!stays || httpVersion === '1.0') headers.push('connection', stays ? 'keep-alive' : 'close')
  const head = encodeResponseHead(status, undefined, headers)
  const outcome = outcomeOf(exchange, status, body.length, reason)
  exchange.sendWhole(Buffer.concat([Buffer.from(head, 'latin1'), body]), body.length)
  done(outcome)
}

const WHY: Readonly<Record<RefuseReason, string>> = {
  no_expectation: 'understudy: no expectation matches this request, and unmatched requests are not forwarded',
  no_destination: 'understudy: neither the kernel nor the request says where this was going',
  bad_request: 'understudy: this is not an HTTP request that can be served',
  expectation_failed: 'understudy: the Expect header asks for something unknown',
  request_timeout: 'understudy: the request did not arrive in time',
  proxy_header_refused: 'understudy: the PROXY header of this connection is refused',
  not_implemented: 'understudy: this kind of request is not served here',
  change_failed: 'understudy: what the expectation says of this request, or of its answer, cannot be done',
  template_failed: 'understudy: the template of an expectation failed',
  loop: 'understudy: this request has been here before; what it names leads back here',
}

const SHOWN_ID = 200

/** Says which expectation came closest, and what kept it from matching; ids are shown as far as a header takes them. */
export const closestHeader = (closest: Closest | undefined): readonly string[] => {
  if (!closest) return []
  const id = closest.expectationId.slice(0, SHOWN_ID).replace(/[^\x21-\x7e]/g, '?')
  return ['x-understudy-closest', `${id} (${closest.reason})`]
}

/** Refuses one exchange with `status` and, if there are any, `more` headers and a `detail`; the connection stays as it was. */
export const refuse = (
  exchange: HttpExchange,
  status: number,
  reason: RefuseReason,
  done: Done,
  more?: readonly string[],
  detail?: string,
): void => send(exchange, status, reason, detail === undefined ? WHY[reason] : `${WHY[reason]}: ${detail}`, done, more)

/** Tells the client what a template did wrong. */
export const refuseTemplate = (exchange: HttpExchange, problem: string, done: Done): void =>
  send(exchange, 500, 'template_failed', `${WHY.template_failed}: ${problem}`, done)

/** Tells the client that its upstream failed before anything of the answer had been sent: 502 or 504. */
export const refuseUpstream = (
  exchange: HttpExchange,
  fault: UpstreamFault,
  error: NodeJS.ErrnoException | undefined,
  done: Done,
): void => {
  // Where several addresses of a name were tried, the error of all of them has a code and no message.
  const detail = error?.message || error?.code || 'no more is known'
  send(exchange, statusOfFault(fault), fault, `understudy: ${fault.replaceAll('_', ' ')}: ${detail}`, done)
}
