/** What is retrieved in other forms than JSON; and answers to pages of this machine. */
import { type Area, call, type Step } from '../exchange.ts'
import { plainRequest, stepOf } from '../near.ts'

const FORMS = [
  'retrieve?type=requests&format=java',
  'retrieve?type=requests&format=curl',
  'retrieve?type=requests&format=har',
  'retrieve?type=request_responses&format=har',
  'retrieve?type=active_expectations&format=java',
  'retrieve?type=active_expectations&format=javascript',
  'retrieve?type=active_expectations&format=har',
  'retrieve?type=recorded_expectations&format=json',
  'retrieve?type=request_responses&format=java',
  'retrieve?type=logs',
  'retrieve?type=requests&format=log_entries',
]

export const retrieved: Area = {
  name: 'retrieved',
  make: (from, index) => {
    const form = FORMS[index % FORMS.length] ?? 'retrieve'
    return [
      call('expectation', {
        id: 'e0',
        httpRequest: { method: 'GET', path: '/a' },
        httpResponse: { statusCode: 201, body: 'hello' },
      }),
      stepOf({ ...plainRequest, query: from.chance(5) ? [['q', '1']] : [] }),
      ...(from.chance(5) ? [stepOf({ ...plainRequest, method: 'POST', path: '/b', body: 'text' })] : []),
      call(form),
    ]
  },
}

const ORIGIN: readonly [string, string] = ['origin', 'http://localhost:8000']

const withOrigin = (step: Step): Step => ({ ...step, headers: [...(step.headers ?? []), ORIGIN] })

export const pages: Area = {
  name: 'pages',
  make: (from) => [
    withOrigin(call('expectation', { id: 'e0', httpRequest: { path: '/a' }, httpResponse: { body: 'x' } })),
    withOrigin(
      from.pick([
        call('status'),
        call('retrieve?type=active_expectations'),
        call('verify', { httpRequest: { path: '/z' } }),
      ]),
    ),
    {
      method: 'OPTIONS',
      target: '/mockserver/expectation',
      headers: [ORIGIN, ['access-control-request-method', 'PUT'], ['access-control-request-headers', 'content-type']],
    },
  ],
}
