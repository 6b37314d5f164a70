/** Documents of calls that are wrong in many ways, what they are answered, and that nothing of them is kept. */
import { type Area, call, type Step } from '../exchange.ts'
import { plainRequest, stepOf } from '../near.ts'

const good = { id: 'good', httpRequest: { path: '/good' }, httpResponse: { body: 'good' } }

const EXPECTATIONS: readonly unknown[] = [
  '',
  '{',
  'nonsense',
  '[]',
  '[[]]',
  'null',
  '""',
  {},
  { httpRequest: { path: '/a' } },
  { httpRequest: { paths: '/a' }, httpResponse: {} },
  { httpRequest: { path: '/a', methd: 'GET' }, httpResponse: { statuscode: 200 } },
  { httpRequest: { path: 1 }, httpResponse: {} },
  { httpRequest: { path: '/a' }, httpResponse: { statusCode: 'x' } },
  { httpRequest: { path: '/a' }, httpResponse: {}, times: { remainingTimes: 'x' } },
  { httpRequest: { path: '/a' }, httpResponse: {}, priority: 'high' },
  { httpRequest: { path: '/a' }, httpResponse: {}, extra: 1 },
  { httpRequest: 'x', httpResponse: {} },
  { httpResponse: 'x' },
  { httpRequest: { path: '/a' }, httpResponse: {}, httpForward: { host: 'localhost' } },
  { httpRequest: { path: '/a' }, httpForward: { port: 'x' } },
  { httpRequest: { path: '/a' }, httpResponse: {}, timeToLive: { timeUnit: 'AGES', timeToLive: 1 } },
  { httpRequest: { path: '/a', secure: 'x' }, httpResponse: {} },
  [good, { httpRequest: { paths: '/a' }, httpResponse: {} }],
  [{ httpRequest: { paths: '/a' }, httpResponse: {} }, { nothing: 1 }, good],
]

const VERIFICATIONS: readonly unknown[] = [
  '',
  '{',
  {},
  { httpRequest: { paths: '/a' } },
  { httpRequest: { path: '/a' }, times: { atLeast: 'x' } },
  { httpRequest: { path: '/a' }, time: {} },
  { expectationId: { id: 'nobody' } },
  { expectationId: 'nobody' },
  { httpRequest: 'x' },
]

const SEQUENCES: readonly unknown[] = [
  '',
  '{',
  {},
  { httpRequests: 'x' },
  { httpRequests: [{ paths: '/a' }] },
  { httpRequests: [] },
  { expectationIds: [{ id: 'nobody' }] },
  { httpRequest: {} },
]

const QUERIES = [
  ...['clear?type=x', 'retrieve?type=x', 'retrieve?format=x', 'retrieve?type=active_expectations&format=log_entries'],
  ...['clear?type=', 'retrieve?type=', 'retrieve?type=x&format=y', 'retrieve?type=recorded_expectations&format=x'],
]

const FILTERS: readonly unknown[] = [
  '{',
  { paths: '/a' },
  { id: 'nobody' },
  'nonsense',
  { httpRequest: { paths: '/a' } },
  '[]',
]

/** Each of them once, in turn. */
const wrong: readonly Step[] = [
  ...EXPECTATIONS.map((document) => call('expectation', document)),
  ...VERIFICATIONS.map((document) => call('verify', document)),
  ...SEQUENCES.map((document) => call('verifySequence', document)),
  ...QUERIES.map((path) => call(path)),
  ...FILTERS.flatMap((document) => [call('clear', document), call('retrieve?type=active_expectations', document)]),
]

const deprecated = ({ target, ...rest }: Step): Step => ({ ...rest, target: target.replace('/mockserver', '') })

export const wrongDocuments: Area = {
  name: 'wrong-documents',
  least: wrong.length,
  make: (from, index) => {
    const step = wrong[index % wrong.length] ?? call('status')
    return [
      from.chance(9) ? step : deprecated(step),
      stepOf({ ...plainRequest, path: '/good' }),
      stepOf({ ...plainRequest, path: '/a' }),
      call('retrieve?type=active_expectations'),
    ]
  },
}
