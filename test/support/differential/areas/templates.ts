/** Answers that templates make of requests. */
import type { Draw } from '../draw.ts'
import { type Area, call } from '../exchange.ts'
import { plainRequest, type Sent, stepOf } from '../near.ts'

const answer = (body: string): string => `{"statusCode": 201, "headers": {"x-t": ["1"]}, "body": "${body}"}`

const VELOCITY = [
  '$request.method $request.path',
  '$request.queryStringParameters.q[0]',
  '$!request.queryStringParameters.none[0]',
  '$request.headers.x-a[0]',
  '#if($request.method == "POST")post#{else}other#end',
  '#foreach($v in $request.queryStringParameters.q)[$v]#end',
  '$request.body',
  '#set($a = 3)$a',
  '$unknown $request.path',
]

const MUSTACHE = [
  '{{ request.method }} {{ request.path }}',
  '{{ request.queryStringParameters.q.0 }}',
  '{{ request.queryStringParameters.none.0 }}',
  '{{#request.queryStringParameters.q}}[{{.}}]{{/request.queryStringParameters.q}}',
  '{{^request.cookies.none}}none{{/request.cookies.none}}',
  '{{ request.body }}',
  '{{! nothing }}x',
]

const SENT: readonly Partial<Sent>[] = [
  {},
  {
    query: [
      ['q', '1'],
      ['q', 'x y'],
    ],
  },
  { headers: [['x-a', '7']] },
  { method: 'POST', body: 'text' },
  { path: '/a/b', cookies: [['c', '1']] },
]

const template = (from: Draw): unknown =>
  from.chance(5)
    ? { templateType: 'VELOCITY', template: answer(from.pick(VELOCITY)) }
    : { templateType: 'MUSTACHE', template: answer(from.pick(MUSTACHE)) }

export const templates: Area = {
  name: 'templates',
  make: (from) => [
    call('expectation', { id: 'e0', httpRequest: { path: '/a.*' }, httpResponseTemplate: template(from) }),
    ...SENT.map((request) => stepOf({ ...plainRequest, ...request })),
  ],
}
