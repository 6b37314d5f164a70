/** Where the two are known to judge differently, by example: each belongs to a row of the table of the same name. */
import type { Area } from '../exchange.ts'
import { plainRequest, type Sent, tried } from '../near.ts'

interface Quirk {
  readonly name: string
  readonly httpRequest: unknown
  readonly requests: readonly Partial<Sent>[]
}

const jsonBody = (body: string): Partial<Sent> => ({ method: 'POST', body, contentType: 'application/json' })

const quirks: readonly Quirk[] = [
  {
    name: 'the values of a name that must be absent do not matter',
    httpRequest: { queryStringParameters: { '!a': ['1'] } },
    requests: [{}, { query: [['b', '2']] }, { query: [['b', '1']] }, { query: [['a', '1']] }, { query: [['a', '2']] }],
  },
  {
    name: 'a name without values must be there',
    httpRequest: { headers: { 'x-a': [] } },
    requests: [{}, { headers: [['x-a', '1']] }, { headers: [['x-b', '1']] }],
  },
  {
    name: 'a name that must be absent goes with one that may be',
    httpRequest: { cookies: { '!a': '.*', '?b': '1' } },
    requests: [{}, { cookies: [['b', '1']] }, { cookies: [['a', '1']] }],
  },
  {
    name: 'each value asked for needs an entry of its own',
    httpRequest: { queryStringParameters: { a: ['1', '[0-9]'], b: ['.*'] } },
    requests: [
      {
        query: [
          ['a', '1'],
          ['b', '1'],
          ['b', '2'],
        ],
      },
      {
        query: [
          ['a', '1'],
          ['a', '2'],
          ['b', '2'],
        ],
      },
      {
        query: [
          ['a', '1'],
          ['b', '2'],
        ],
      },
    ],
  },
  {
    name: 'an optional name beside the same one without the mark is asked for apart',
    httpRequest: { queryStringParameters: { '?a': ['1'], a: ['1'] } },
    requests: [{}, { query: [['a', '1']] }, { query: [['a', '2']] }, { query: [['b', '1']] }],
  },
  {
    name: 'GraphQL: the name of the operation counts however fields are compared',
    httpRequest: {
      body: { type: 'GRAPHQL', query: '{ hero }', operationName: 'M', selectionSetMatchType: 'AST_SUBSET' },
    },
    requests: [jsonBody('{"query":"{ hero }"}'), jsonBody('{"query":"query M { hero }","operationName":"M"}')],
  },
  {
    name: 'JSONPath is that of RFC 9535',
    httpRequest: { body: { type: 'JSON_PATH', jsonPath: '$[?(@.a == 1)]' } },
    requests: [jsonBody('[{"a":"1"}]'), jsonBody('[{"a":1}]'), jsonBody('{"a":1}'), jsonBody('{"b":{"a":1}}')],
  },
  {
    name: 'null is JSON like any other',
    httpRequest: { body: { type: 'JSON', json: null } },
    requests: [jsonBody('null'), jsonBody('1')],
  },
  {
    name: 'each name has its own values where MATCHING_KEY is asked for',
    httpRequest: { queryStringParameters: { keyMatchStyle: 'MATCHING_KEY', '.*': ['[0-9]+'], a: ['x'] } },
    requests: [{ query: [['a', 'x']] }, { query: [['b', 'x']] }, { query: [['b', '1']] }],
  },
  {
    name: 'text without a charset is UTF-8',
    httpRequest: { body: { type: 'STRING', string: 'é' } },
    requests: [
      { method: 'POST', body: 'é', contentType: 'text/plain' },
      { method: 'POST', body: 'é', contentType: 'text/plain; charset=utf-8' },
    ],
  },
  {
    name: 'a prefix in an XPath may be one that the document declares',
    httpRequest: { body: { type: 'XPATH', xpath: '/q:a' } },
    requests: [
      { method: 'POST', body: '<q:a xmlns:q="urn:x"/>' },
      { method: 'POST', body: '<a/>' },
    ],
  },
]

export const quirk: Area = {
  name: 'quirks',
  make: (_from, index) => {
    const quirk = quirks[index % quirks.length]
    if (!quirk) return []
    const { name, httpRequest, requests } = quirk
    return tried(
      httpRequest,
      requests.map((request) => ({ ...plainRequest, ...request })),
      name,
    )
  },
}
