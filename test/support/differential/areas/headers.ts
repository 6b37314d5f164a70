/** Headers in all forms. Names begin with `x-`, so that none of the client's own is meant by a pattern of one letter. */

import type { Area } from '../exchange.ts'
import { plainRequest, tried } from '../near.ts'
import { drawnPairs, multiMatcher } from '../pairs.ts'

const WORLD = {
  all: 'x-.',
  names: ['x-a', 'x-b', 'X-A'],
  values: ['1', '2', '10', 'x', 'abc', 'x y', '1, 2', 'text/html', '5.5', 'a=b; c'],
}

export const headers: Area = {
  name: 'headers',
  make: (from) => {
    const requests = Array.from({ length: 8 }, () => ({ ...plainRequest, headers: drawnPairs(from, WORLD, 3) }))
    return tried({ headers: multiMatcher(from, WORLD) }, requests)
  },
}
