/** How one query parameter or header holds several values. */
import type { Area } from '../exchange.ts'
import { plainRequest, tried } from '../near.ts'

const STYLES = [
  'FORM',
  'FORM_EXPLODED',
  'SPACE_DELIMITED',
  'SPACE_DELIMITED_EXPLODED',
  'PIPE_DELIMITED',
  'PIPE_DELIMITED_EXPLODED',
  'SIMPLE',
]
const VALUES = ['1', '2', '1,2', '1|2', '1 2', '1%202', '2,1', '1,2,3', '1|2|3', '3']

export const parameterStyles: Area = {
  name: 'parameter-styles',
  make: (from) => {
    const wanted = { parameterStyle: from.pick(STYLES), values: from.some(['1', '2', '[0-9]', '!3'], 1, 2) }
    const entry = (): [string, string] => [from.pick(['a', 'a', 'b']), from.pick(VALUES)]
    const requests = Array.from({ length: 8 }, () => ({
      ...plainRequest,
      query: Array.from({ length: 1 + from.below(3) }, entry),
    }))
    return tried({ queryStringParameters: { a: wanted } }, requests)
  },
}
