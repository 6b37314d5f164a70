/** Cookies in both forms. */

import type { Area } from '../exchange.ts'
import { plainRequest, tried } from '../near.ts'
import { drawnPairs, singleMatcher } from '../pairs.ts'

const WORLD = {
  all: '.*',
  names: ['a', 'b', 'session', 'A'],
  values: ['1', '2', '10', 'x', 'abc', 'x-y', '"q"', 'a=b', '%20'],
}

export const cookies: Area = {
  name: 'cookies',
  make: (from) => {
    const requests = Array.from({ length: 7 }, () => ({ ...plainRequest, cookies: drawnPairs(from, WORLD, 3) }))
    return tried({ cookies: singleMatcher(from, WORLD) }, requests)
  },
}
