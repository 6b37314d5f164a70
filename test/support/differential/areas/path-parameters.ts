/** Path parameters, and how one entry holds several values. */
import type { Draw } from '../draw.ts'
import type { Area } from '../exchange.ts'
import { plainRequest, tried } from '../near.ts'
import { textMatcher } from '../texts.ts'

const SEGMENTS = ['1', '2', 'x', 'abc', 'a%20b', '1,2', '.1,2', '.1.2', ';id=1,2', ';id=1;id=2', '1|2']
const TEMPLATES = ['/p/{id}', '/p/{id}/q', '/p/{id}/{item}', '/{id}', '/p/x{id}', '/p/.*/{id}', '/P/{id}', '/p']
const STYLES = ['SIMPLE', 'SIMPLE_EXPLODED', 'LABEL', 'LABEL_EXPLODED', 'MATRIX', 'MATRIX_EXPLODED']

const values = (from: Draw): unknown => {
  const one = (): unknown => textMatcher(from, from.pick(SEGMENTS), from.pick(SEGMENTS))
  if (from.chance(3)) return { parameterStyle: from.pick(STYLES), values: from.some(['1', '2', '3', '[0-9]'], 1, 2) }
  return from.chance(7) ? [one()] : [one(), one()]
}

export const pathParameters: Area = {
  name: 'path-parameters',
  make: (from) => {
    const names = from.some(['id', 'item'], 1, 2)
    const segment = (): string => from.pick(SEGMENTS)
    const path = (): string =>
      from.pick([
        `/p/${segment()}`,
        `/p/${segment()}/q`,
        `/p/${segment()}/${segment()}`,
        `/${segment()}`,
        `/p/x${segment()}`,
      ])
    return tried(
      {
        path: from.pick(TEMPLATES),
        pathParameters: Object.fromEntries(names.map((name) => [name, values(from)])),
      },
      Array.from({ length: 8 }, () => ({ ...plainRequest, path: path() })),
    )
  },
}
