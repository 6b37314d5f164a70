/** Sequences of calls of the control API between requests: verify, retrieve, clear, reset. */
import type { Draw } from '../draw.ts'
import { type Area, call, type Step } from '../exchange.ts'
import { plainRequest, stepOf } from '../near.ts'

const EXPECTATIONS = [
  { id: 'a', httpRequest: { method: 'GET', path: '/a' }, httpResponse: { body: 'a' } },
  { id: 'b', httpRequest: { path: '/b' }, httpResponse: { statusCode: 201, body: { b: 1 } } },
  { id: 'any', httpRequest: { path: '/[a-z]+' }, httpResponse: { body: 'any' }, priority: -1 },
  {
    id: 'once',
    httpRequest: { path: '/a' },
    httpResponse: { body: 'once' },
    times: { remainingTimes: 1 },
    priority: 1,
  },
  { id: 'header', httpRequest: { path: '/a', headers: { 'x-a': ['1'] } }, httpResponse: { body: 'header' } },
]

const MATCHERS: readonly unknown[] = [
  { path: '/a' },
  { path: '/b' },
  { method: 'GET' },
  { method: 'GET', path: '/a' },
  { path: '/[ab]' },
  { path: '!/a' },
  { headers: { 'x-a': ['1'] } },
  { queryStringParameters: { q: ['1'] } },
  { body: 'text' },
  { path: '/c' },
  {},
]

const TIMES: readonly unknown[] = [
  { atLeast: 1 },
  { atLeast: 1, atMost: 1 },
  { atMost: 0 },
  { atLeast: 2, atMost: 2 },
  { atMost: 1 },
  { atLeast: 2, atMost: 3 },
  { atLeast: 2 },
  { atMost: 2 },
  { atLeast: 0, atMost: 0 },
]

const request = (from: Draw): Step =>
  stepOf({
    ...plainRequest,
    method: from.pick(['GET', 'POST']),
    path: from.pick(['/a', '/b', '/c']),
    query: from.chance(2) ? [['q', from.pick(['1', 'x y'])]] : [],
    headers: from.chance(2) ? [['x-a', '1']] : [],
    ...(from.chance(2) ? { body: 'text', ...(from.chance(5) ? { contentType: 'text/plain' } : {}) } : {}),
  })

const id = (from: Draw): unknown => ({ id: from.pick(['a', 'b', 'any', 'once', 'nobody']) })

const verify = (from: Draw): Step =>
  call('verify', {
    ...(from.chance(8) ? { httpRequest: from.pick(MATCHERS) } : { expectationId: id(from) }),
    ...(from.chance(8) ? { times: from.pick(TIMES) } : {}),
    ...(from.chance(1) ? { maximumNumberOfRequestToReturnInVerificationFailure: from.below(3) } : {}),
  })

const verifySequence = (from: Draw): Step =>
  call(
    'verifySequence',
    from.chance(8)
      ? { httpRequests: Array.from({ length: from.below(4) }, () => from.pick(MATCHERS)) }
      : { expectationIds: Array.from({ length: 1 + from.below(2) }, () => id(from)) },
  )

const retrieve = (from: Draw): Step => {
  const type = from.pick(['requests', 'REQUESTS', 'request_responses', 'active_expectations', 'recorded_expectations'])
  const format = from.chance(2) ? '&format=JSON' : ''
  return call(
    `retrieve?type=${type}${format}`,
    from.chance(4) ? from.pick(MATCHERS) : from.chance(1) ? id(from) : undefined,
  )
}

const clear = (from: Draw): Step => {
  const type = from.pick(['', '?type=all', '?type=log', '?type=expectations', '?type=LOG'])
  const filter = from.pick([undefined, from.pick(MATCHERS), id(from), { httpRequest: from.pick(MATCHERS) }])
  return call(`clear${type}`, filter)
}

/** Mostly requests, so that there is something to ask about. */
const step = (from: Draw): Step => {
  const choice = from.below(20)
  if (choice < 7) return request(from)
  if (choice < 11) return verify(from)
  if (choice < 14) return verifySequence(from)
  if (choice < 17) return retrieve(from)
  if (choice < 18) return clear(from)
  return choice < 19 ? call('expectation', from.pick(EXPECTATIONS)) : call('status')
}

export const control: Area = {
  name: 'control',
  make: (from) => [
    call('expectation', from.some(EXPECTATIONS, 1, 3)),
    request(from),
    request(from),
    ...Array.from({ length: 12 }, () => step(from)),
    call('retrieve?type=requests'),
    ...(from.chance(3)
      ? [call('reset'), call('retrieve?type=active_expectations'), call('retrieve?type=requests')]
      : []),
  ],
}
