/** Bodies as text: exact, in part, by pattern; with `not` and `optional`. */
import type { Area } from '../exchange.ts'
import { plainRequest, tried } from '../near.ts'

const TEXTS = ['hello', 'Hello', 'hello world', 'say hello', 'hell', '', 'h.llo', 'a\nb', 'é', '12', '{"a":1}', 'a=1']
const PATTERNS = [
  'hel+o',
  'h.*',
  '.*o',
  '[a-z]+',
  'HELLO',
  '\\d+',
  '.*world',
  'a.b',
  '^hello$',
  '(?i)hello',
  '\\{.*\\}',
  '',
]
const TYPES = [
  undefined,
  'text/plain',
  'text/plain; charset=utf-8',
  'application/json',
  'application/x-www-form-urlencoded',
]

export const bodyText: Area = {
  name: 'body-text',
  make: (from) => {
    const flags = { ...(from.chance(2) ? { not: from.chance(8) } : {}), ...(from.chance(1) ? { optional: true } : {}) }
    const string = from.pick(TEXTS)
    const body = from.pick([
      string,
      { type: 'STRING', string, ...flags },
      { type: 'STRING', string, subString: true, ...flags },
      { type: 'REGEX', regex: from.pick(PATTERNS), ...flags },
      { type: 'REGEX', regex: from.pick(PATTERNS), ...flags },
    ])
    const requests = Array.from({ length: 8 }, () => {
      const contentType = from.pick(TYPES)
      const sent = from.pick(
        contentType === TYPES[1] || contentType === TYPES[4] ? TEXTS.filter((text) => text !== 'é') : TEXTS,
      )
      return {
        ...plainRequest,
        method: 'POST',
        ...(sent === '' && from.chance(5) ? {} : { body: sent }),
        ...(contentType === undefined ? {} : { contentType }),
      }
    })
    return tried({ body }, requests)
  },
}
