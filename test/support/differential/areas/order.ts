/** Several expectations: who answers first, how often, for how long, and what putting one again does. */
import type { Draw } from '../draw.ts'
import { type Area, call, type Step } from '../exchange.ts'
import { plainRequest, stepOf } from '../near.ts'

const REQUESTS = [undefined, { path: '/a' }, { path: '/b' }, { path: '/.*' }, { method: 'GET' }, { path: '!/a' }]

const expectation = (from: Draw, label: string): Record<string, unknown> => {
  const httpRequest = from.pick(REQUESTS)
  return {
    id: from.pick(['x', 'y', 'z', `e-${label}`]),
    ...(httpRequest === undefined ? {} : { httpRequest }),
    httpResponse: { body: label },
    ...(from.chance(4) ? { priority: from.pick([-1, 0, 1, 10]) } : {}),
    ...(from.chance(4)
      ? {
          times: from.pick([
            { remainingTimes: 1 },
            { remainingTimes: 2 },
            { unlimited: true },
            { remainingTimes: 1, unlimited: true },
            { remainingTimes: 1, unlimited: false },
          ]),
        }
      : {}),
    ...(from.chance(2)
      ? {
          timeToLive: from.pick([
            { unlimited: true },
            { timeUnit: 'HOURS', timeToLive: 1 },
            { timeUnit: 'SECONDS', timeToLive: 90, unlimited: false },
          ]),
        }
      : {}),
  }
}

const step = (from: Draw, index: number): Step => {
  const request = stepOf({ ...plainRequest, path: from.pick(['/a', '/b']), method: from.pick(['GET', 'POST']) })
  switch (from.below(6)) {
    case 0:
      return call('expectation', expectation(from, `${index}`))
    case 1:
      return call('expectation', [expectation(from, `${index}a`), expectation(from, `${index}b`)])
    case 2:
      return call('retrieve?type=ACTIVE_EXPECTATIONS')
    default:
      return request
  }
}

export const order: Area = {
  name: 'order',
  make: (from) => [
    call('expectation', [expectation(from, 'first'), expectation(from, 'second')]),
    ...Array.from({ length: 12 }, (_, index) => step(from, index)),
    call('retrieve?type=ACTIVE_EXPECTATIONS'),
  ],
}
