/** `keepAlive`, `secure`, `protocol`, and `not` around it all. */
import type { Area } from '../exchange.ts'
import { plainRequest, tried } from '../near.ts'

export const flags: Area = {
  name: 'flags',
  make: (from) => {
    const asked = {
      ...(from.chance(4) ? { keepAlive: from.chance(5) } : {}),
      ...(from.chance(3) ? { secure: from.chance(3) } : {}),
      ...(from.chance(3) ? { protocol: from.pick(['HTTP_1_1', 'HTTP_2']) } : {}),
      ...(from.chance(6) ? { path: from.pick(['/a', '/b', '!/a', '']) } : {}),
      ...(from.chance(3) ? { method: from.pick(['GET', 'POST', '!GET']) } : {}),
      ...(from.chance(3) ? { body: from.pick(['', 'x', { type: 'STRING', string: 'x', not: true }]) } : {}),
      ...(from.chance(5) ? { not: from.chance(7) } : {}),
    }
    const requests = Array.from({ length: 7 }, () => ({
      ...plainRequest,
      method: from.pick(['GET', 'POST']),
      path: from.pick(['/a', '/b']),
      headers: from.pick([[], [], [['connection', 'close'] as const], [['connection', 'keep-alive'] as const]]),
      ...(from.chance(3) ? { body: from.pick(['x', 'y']) } : {}),
    }))
    return tried(asked, requests)
  },
}
