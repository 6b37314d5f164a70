/** Which of several answers is due, scenarios, how often and how likely. */
import type { Draw } from '../draw.ts'
import { type Area, call, type Step } from '../exchange.ts'
import { plainRequest, stepOf } from '../near.ts'

const bodies = (count: number): unknown[] => Array.from({ length: count }, (_, at) => ({ body: `${at}` }))

const asked = (times: number, path = '/a'): Step[] =>
  Array.from({ length: times }, () => stepOf({ ...plainRequest, path }))

export const responseModes: Area = {
  name: 'response-modes',
  make: (from) => {
    const count = 1 + from.below(3)
    const mode = from.pick<Record<string, unknown>>([
      {},
      { responseMode: 'SEQUENTIAL' },
      { responseMode: 'SWITCH' },
      { responseMode: 'SWITCH', switchAfter: 2 },
      { responseMode: 'WEIGHTED', responseWeights: Array.from({ length: count }, (_, at) => (at === 0 ? 1 : 0)) },
      ...(count === 1 ? [{ responseMode: 'RANDOM' }] : []),
    ])
    const times = from.chance(3) ? { times: { remainingTimes: 3 } } : {}
    return [
      call('expectation', { id: 'e0', httpRequest: { path: '/a' }, httpResponses: bodies(count), ...mode, ...times }),
      ...asked(6),
      call('retrieve?type=active_expectations'),
    ]
  },
}

const STATES = ['Started', 'One', 'Two']

const inScenario = (from: Draw, at: number): unknown => ({
  id: `e${at}`,
  httpRequest: { path: from.pick(['/a', '/b']) },
  httpResponse: { body: `${at}` },
  scenarioName: from.pick(['s', 's', 't']),
  ...(from.chance(7) ? { scenarioState: from.pick(STATES) } : {}),
  ...(from.chance(7) ? { newScenarioState: from.pick(STATES) } : {}),
})

export const scenarios: Area = {
  name: 'scenarios',
  make: (from) => [
    call(
      'expectation',
      Array.from({ length: 4 }, (_, at) => inScenario(from, at)),
    ),
    ...Array.from({ length: 8 }, () => stepOf({ ...plainRequest, path: from.pick(['/a', '/b']) })),
    call('retrieve?type=active_expectations'),
  ],
}

const LIMITS: readonly Record<string, unknown>[] = [
  { percentage: 0 },
  { percentage: 100 },
  { rateLimit: { limit: 2, windowMillis: 60_000 } },
  { rateLimit: { algorithm: 'fixed_window', limit: 1, windowMillis: 60_000, errorStatus: 503 } },
  { rateLimit: { algorithm: 'token_bucket', burst: 2, refillPerSecond: 0.001 } },
  { rateLimit: { limit: 1, windowMillis: 60_000, retryAfter: '7' } },
  { rateLimit: { name: 'shared', limit: 3, windowMillis: 60_000 } },
]

export const limits: Area = {
  name: 'limits',
  make: (from) => {
    const limit = from.pick(LIMITS)
    const one = (id: string, path: string): unknown => ({
      id,
      httpRequest: { path },
      httpResponse: { body: id },
      ...limit,
    })
    return [
      call('expectation', [
        one('e0', '/a'),
        one('e1', '/b'),
        { id: 'e2', httpRequest: { path: '/.*' }, httpResponse: { body: 'other' }, priority: -1 },
      ]),
      ...asked(3),
      ...asked(2, '/b'),
      call('retrieve?type=active_expectations'),
    ]
  },
}
