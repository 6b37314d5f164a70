/** How an answer leaves: its connection, its length, its cookies, its delay. */
import { type Area, call } from '../exchange.ts'
import { plainRequest, stepOf } from '../near.ts'

const OPTIONS: readonly unknown[] = [
  { closeSocket: true },
  { closeSocket: false },
  { keepAliveOverride: true },
  { keepAliveOverride: false },
  { suppressConnectionHeader: true },
  { suppressContentLengthHeader: true, closeSocket: true },
  { contentLengthHeaderOverride: 2, closeSocket: true },
  { chunkSize: 2 },
]

const COOKIES: readonly unknown[] = [
  { a: '1' },
  { a: '1', b: 'x y' },
  [{ name: 'a', value: '"q"' }],
  { a: '1; Path=/; HttpOnly' },
]

export const connectionOptions: Area = {
  name: 'connection-options',
  make: (from) => [
    call('expectation', {
      id: 'e0',
      httpRequest: { path: '/a' },
      httpResponse: {
        body: 'hello',
        ...(from.chance(8) ? { connectionOptions: from.pick(OPTIONS) } : {}),
        ...(from.chance(3) ? { cookies: from.pick(COOKIES) } : {}),
        ...(from.chance(2) ? { delay: { timeUnit: 'MILLISECONDS', value: 3 } } : {}),
      },
    }),
    stepOf(plainRequest),
    stepOf({ ...plainRequest, method: 'POST', headers: [['connection', 'close']], body: 'x' }),
    stepOf({ ...plainRequest, path: '/b' }),
  ],
}
