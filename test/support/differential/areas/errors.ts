/** Bytes or nothing in place of an answer. */
import { type Area, call } from '../exchange.ts'
import { plainRequest, stepOf } from '../near.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const ERRORS: readonly unknown[] = [
  { dropConnection: true },
  { responseBytes: base64('nonsense'), dropConnection: true },
  { responseBytes: base64('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'), dropConnection: true },
  { responseBytes: base64('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok'), dropConnection: true },
  { responseBytes: base64('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok') },
  { dropConnection: true, delay: { timeUnit: 'MILLISECONDS', value: 5 } },
]

export const errors: Area = {
  name: 'errors',
  make: (from) => [
    call('expectation', { id: 'e0', httpRequest: { path: '/a' }, httpError: from.pick(ERRORS) }),
    stepOf(plainRequest),
    stepOf({ ...plainRequest, method: 'POST', body: 'x' }),
    stepOf({ ...plainRequest, path: '/b' }),
    call('verify', { httpRequest: { path: '/a' }, times: { atLeast: 2, atMost: 2 } }),
    call('verify', { expectationId: { id: 'e0' }, times: { atLeast: 2, atMost: 2 } }),
    call('retrieve?type=active_expectations'),
  ],
}
