/** What is sent on, changed on the way and back, or answered where that fails; and what is retrieved of it. */
import { type Area, call, UPSTREAM } from '../exchange.ts'
import { plainRequest, type Sent, stepOf } from '../near.ts'

const target = { host: '127.0.0.1', port: UPSTREAM }
const socketAddress = { ...target, scheme: 'HTTP' }

const REQUEST_OVERRIDES: readonly Record<string, unknown>[] = [
  {},
  { path: '/other' },
  { method: 'PUT' },
  { headers: { 'x-b': ['2'] } },
  { headers: { 'x-a': ['2', '3'] } },
  { queryStringParameters: { q: ['9'] } },
  { cookies: { c: '1' } },
  { body: 'changed' },
]
const RESPONSE_OVERRIDES: readonly unknown[] = [
  { headers: { 'x-from': ['override'] } },
  { body: 'changed' },
  { statusCode: 503 },
  { statusCode: 201, body: { a: 1 } },
]
const REQUEST_MODIFIERS: readonly unknown[] = [
  { path: { regex: '^/e(.*)$', substitution: '/E$1' } },
  { queryStringParameters: { add: { p: ['1'] } } },
  { headers: { add: { 'x-c': ['1'] }, remove: ['x-a'] } },
  { headers: { replace: { 'x-a': ['7'] } } },
]

const SENT: readonly Partial<Sent>[] = [
  { path: '/echo' },
  {
    path: '/echo',
    query: [
      ['q', '1'],
      ['r', 'x y'],
    ],
    headers: [['x-a', '1']],
  },
  { path: '/echo', method: 'POST', body: 'text', contentType: 'text/plain; charset=utf-8' },
  {
    path: '/echo',
    cookies: [
      ['c', '0'],
      ['d', '2'],
    ],
  },
  { path: '/echo', method: 'PUT', body: '{"a":1}', contentType: 'application/json' },
]

const sent = (request: Partial<Sent>) => stepOf({ ...plainRequest, ...request })

export const forwarding: Area = {
  name: 'forwarding',
  make: (from) => [
    call('expectation', { id: 'e0', httpRequest: { path: '/.*' }, httpForward: target }),
    ...from.some(SENT, 2, 3).map(sent),
    sent({ path: '/status/204' }),
    sent({ path: '/status/500' }),
    call('verify', { httpRequest: { path: '/echo' }, times: { atLeast: 2 } }),
    call(`retrieve?type=${from.pick(['requests', 'request_responses', 'recorded_expectations'])}`),
  ],
}

export const overriding: Area = {
  name: 'overriding',
  make: (from) => {
    const override = {
      requestOverride: { socketAddress, ...from.pick(REQUEST_OVERRIDES) },
      ...(from.chance(4) ? { responseOverride: from.pick(RESPONSE_OVERRIDES) } : {}),
      ...(from.chance(4) ? { requestModifier: from.pick(REQUEST_MODIFIERS) } : {}),
    }
    return [
      call('expectation', { id: 'e0', httpRequest: { path: '/.*' }, httpOverrideForwardedRequest: override }),
      ...from.some(SENT, 3, 4).map(sent),
    ]
  },
}

export const fallback: Area = {
  name: 'fallback',
  make: (from) => [
    call('expectation', {
      id: 'e0',
      httpRequest: { path: '/.*' },
      httpForwardWithFallback: {
        httpForward: target,
        fallbackResponse: { statusCode: 200, body: 'instead' },
        ...(from.chance(5) ? { fallbackOnStatusCodes: from.pick([[404], [500, 502], [200]]) } : {}),
      },
    }),
    sent({ path: '/echo' }),
    sent({ path: '/status/404' }),
    sent({ path: '/status/500' }),
    sent({ path: '/status/502' }),
    sent({ path: '/drop' }),
  ],
}
