/** Where the two are known to judge differently, by example: each belongs to a row of the table of the same name. */
import type { Area } from '../exchange.ts'
import { plainRequest, type Sent, tried } from '../near.ts'

interface Quirk {
  readonly name: string
  readonly httpRequest: unknown
  readonly requests: readonly Partial<Sent>[]
}

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
]

export const quirk: Area = {
  name: 'quirks',
  make: (from) => {
    const { name, httpRequest, requests } = from.pick(quirks)
    return tried(
      httpRequest,
      requests.map((request) => ({ ...plainRequest, ...request })),
      name,
    )
  },
}
