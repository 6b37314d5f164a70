/** Answers that are ours because nobody else's can be had. The reason travels in `x-understudy-reason`. */
import type { RefuseReason, UpstreamFault } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { encodeResponseHead } from '../http1/response.ts'
import { statusOfFault } from './fault.ts'
import { type Done, outcomeOf } from './finish.ts'

const send = (exchange: HttpExchange, status: number, reason: string, why: string): number => {
  const text = Buffer.from(`${why}\n`, 'utf8')
  const body = exchange.request.head.method === 'HEAD' ? Buffer.alloc(0) : text
  const stays = exchange.keepAlive
  const headers = ['content-type', 'text/plain; charset=utf-8', 'x-understudy-reason', reason]
  headers.push('content-length', `${text.length}`)
  if (!stays || exchange.request.head.httpVersion === '1.0') headers.push('connection', stays ? 'keep-alive' : 'close')
  const head = encodeResponseHead(status, undefined, headers)
  exchange.sendWhole(Buffer.concat([Buffer.from(head, 'latin1'), body]), body.length)
  return body.length
}

const WHY: Readonly<Record<RefuseReason, string>> = {
  no_expectation: 'understudy: no expectation matches this request, and unmatched requests are not forwarded',
  no_destination: 'understudy: neither the kernel nor the request says where this was going',
  self_call: 'understudy: this request would come back to understudy itself',
  bad_request: 'understudy: this is not an HTTP request that can be served',
  expectation_failed: 'understudy: the Expect header asks for something unknown',
  request_timeout: 'understudy: the request did not arrive in time',
  not_implemented: 'understudy: this kind of request is not served here',
  overloaded: 'understudy: too many requests at once',
}

/** Refuses one exchange with `status`; the connection stays as it was. */
export const refuse = (exchange: HttpExchange, status: number, reason: RefuseReason, done: Done): void => {
  const outcome = outcomeOf(exchange, status, WHY[reason].length + 1, reason)
  send(exchange, status, reason, WHY[reason])
  done(outcome)
}

/** Tells the client that its upstream failed before anything of the answer had been sent: 502 or 504. */
export const refuseUpstream = (exchange: HttpExchange, fault: UpstreamFault, detail: string, done: Done): void => {
  const status = statusOfFault(fault)
  const why = `understudy: ${fault.replaceAll('_', ' ')}: ${detail}`
  const outcome = outcomeOf(exchange, status, Buffer.byteLength(why) + 1, fault)
  send(exchange, status, fault, why)
  done(outcome)
}
