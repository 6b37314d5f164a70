/** What is answered: bodies in all forms, headers, reasons, statuses. */
import { type Area, call } from '../exchange.ts'
import { plainRequest, stepOf } from '../near.ts'

const BODIES: readonly unknown[] = [
  undefined,
  'text',
  '',
  'é€',
  { a: 1, b: [1, { c: null }], d: {}, e: [] },
  [1, 2, { a: 'x' }],
  { type: 'STRING', string: 'text', contentType: 'text/plain; charset=utf-8' },
  { type: 'STRING', string: 'text' },
  { type: 'JSON', json: '{"a":1}' },
  { type: 'JSON', json: { a: 1 } },
  { type: 'JSON', json: { a: 1 }, contentType: 'application/json' },
  { type: 'BINARY', base64Bytes: 'AP8=', contentType: 'image/png' },
  { type: 'BINARY', base64Bytes: 'AP8=' },
  { type: 'XML', xml: '<a/>' },
  { type: 'XML', xml: '<a/>', contentType: 'text/xml' },
  { type: 'order', a: 1 },
]
const HEADERS: readonly unknown[] = [
  { 'x-a': ['1', '2'] },
  { 'X-A': '1' },
  [{ name: 'x-a', values: ['1'] }],
  { 'content-type': ['text/css'] },
  { 'Content-Type': 'application/json' },
  { 'cache-control': ['no-cache, no-store'] },
  { 'x-a': [''] },
]
const COOKIES: readonly unknown[] = [{ a: '1' }, { a: '1', b: '2' }, [{ name: 'a', value: 'x y' }]]

export const responses: Area = {
  name: 'responses',
  make: (from) => {
    const body = from.pick(BODIES)
    const httpResponse = {
      ...(from.chance(4) ? { statusCode: from.pick([200, 201, 204, 301, 304, 400, 410, 418, 500, 503, 599]) } : {}),
      ...(from.chance(2) ? { reasonPhrase: from.pick(['Fine', 'Not At All', 'OK']) } : {}),
      ...(from.chance(4) ? { headers: from.pick(HEADERS) } : {}),
      ...(from.chance(1) ? { cookies: from.pick(COOKIES) } : {}),
      ...(body === undefined ? {} : { body }),
    }
    return [
      call('expectation', { id: 'e0', httpRequest: { path: '/a' }, httpResponse }),
      stepOf(plainRequest),
      stepOf({ ...plainRequest, method: 'HEAD' }),
      stepOf({ ...plainRequest, method: 'POST', headers: [['connection', 'close']], body: 'x' }),
    ]
  },
}
