/** Methods and paths: literal, patterns, prefixes, spelt out, schemas. */
import type { Draw } from '../draw.ts'
import type { Area } from '../exchange.ts'
import { plainRequest, tried, variations } from '../near.ts'
import { textMatcher } from '../texts.ts'

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'GETX']
const PATHS = [
  ...['/a', '/A', '/b', '/a/b', '/a/b/c', '/', '/a/', '/ab', '/a.b', '/a-b', '/a+b', '/a%20b', '/a%2Fb', '/1', '/12/x'],
  ...['/(a)', '/a;x=1', '/a*', '/a,b', '/%C3%A9', '/a//b', '/a/b.json', "/a'b", '/a=b', '/a$', '/~a', '/a@b', '/a:b'],
]
/** What people write, beside what can be made of a path. */
const WRITTEN = [
  '/a.*',
  '/.*',
  '/a/[^/]+',
  '/a/?',
  '/[ab]',
  '/a(/b)?',
  '/a/(b|c)',
  '/a/\\w+',
  '!/a.*',
  '/a\\.b',
  '.*b',
  'a',
  '/a/{id}',
  '/\\d+/x',
]

const request = (from: Draw): unknown => ({
  ...(from.chance(6) ? { method: textMatcher(from, from.pick(METHODS), from.pick(METHODS)) } : {}),
  ...(from.chance(9)
    ? { path: from.chance(4) ? from.pick(WRITTEN) : textMatcher(from, from.pick(PATHS), from.pick(PATHS)) }
    : {}),
})

export const methodAndPath: Area = {
  name: 'method-and-path',
  make: (from) => {
    const base = { ...plainRequest, method: from.pick(METHODS), path: from.pick(PATHS) }
    const path = (again: Draw) => ({ path: again.pick(PATHS) })
    const method = (again: Draw) => ({ method: again.pick(METHODS) })
    return tried(request(from), variations(from, base, [path, path, path, path, method, method]))
  },
}
