/** Query parameters in all forms, and requests whose parameters are near. */

import type { Area } from '../exchange.ts'
import { plainRequest, tried } from '../near.ts'
import { drawnPairs, multiMatcher } from '../pairs.ts'

const WORLD = {
  all: '.*',
  names: ['a', 'b', 'ab', 'A'],
  values: ['1', '2', '10', 'x', 'abc', 'x y', 'é', '', '1,2', '5.5', '-3', 'true'],
}

export const query: Area = {
  name: 'query',
  make: (from) => {
    const requests = Array.from({ length: 8 }, () => ({ ...plainRequest, query: drawnPairs(from, WORLD, 3) }))
    return tried({ queryStringParameters: multiMatcher(from, WORLD) }, requests)
  },
}
