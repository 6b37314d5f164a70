/** Matchers that came later, or that need more than a text: compressed bodies, schemas of XML, likeness, negotiation. */
import { gzipSync } from 'node:zlib'
import { type Area, call } from '../exchange.ts'
import { plainRequest, type Sent, stepOf, tried } from '../near.ts'

const BODIES: readonly unknown[] = [
  'hello',
  { type: 'STRING', string: 'ell', subString: true },
  { type: 'REGEX', regex: 'h.*' },
  { type: 'JSON', json: '{"a":1}' },
  { type: 'BINARY', base64Bytes: gzipSync('hello').toString('base64') },
  { type: 'BINARY', base64Bytes: 'aGVsbG8=' },
]

export const compressedBodies: Area = {
  name: 'compressed-bodies',
  make: (from) => {
    const sent = (text: string): Sent => ({
      ...plainRequest,
      method: 'POST',
      headers: [['content-encoding', 'gzip']],
      body: { base64: gzipSync(text).toString('base64') },
      ...(text.startsWith('{') ? { contentType: 'application/json' } : {}),
    })
    const plain: Sent = { ...plainRequest, method: 'POST', body: 'hello' }
    return tried({ body: from.pick(BODIES) }, [sent('hello'), sent('{"a": 1}'), sent('other'), plain])
  },
}

const ELEMENT = '<xs:element name="a"><xs:complexType><xs:sequence><xs:element name="b" type="xs:integer"/>'
const SCHEMA = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">${ELEMENT}</xs:sequence></xs:complexType></xs:element></xs:schema>`
const XML = [
  '<a><b>1</b></a>',
  '<a><b>x</b></a>',
  '<a/>',
  '<a><b>1</b><b>2</b></a>',
  '<c/>',
  'text',
  '<a><b> 7 </b></a>',
]

export const bodyXmlSchema: Area = {
  name: 'body-schema-of-xml',
  make: (from) =>
    tried(
      { body: { type: 'XML_SCHEMA', xmlSchema: SCHEMA, ...(from.chance(3) ? { not: true } : {}) } },
      from
        .some(XML, 4, 6)
        .map((body) => ({ ...plainRequest, method: 'POST', body, contentType: 'application/xml; charset=utf-8' })),
    ),
}

const WORDS = ['hello world', 'hello wrold', 'Hello World', 'help', 'goodbye', 'hello', 'dlrow olleh', 'hello, world!']

export const bodyFuzzy: Area = {
  name: 'body-fuzzy',
  make: (from) => {
    const flags = {
      ...(from.chance(6) ? { threshold: from.pick([0.5, 0.7, 0.9, 0.95, 1]) } : {}),
      ...(from.chance(4) ? { ignoreCase: true } : {}),
    }
    return tried(
      { body: { type: 'FUZZY', fuzzy: from.pick(WORDS), ...flags } },
      WORDS.map((body) => ({ ...plainRequest, method: 'POST', body })),
    )
  },
}

const ACCEPTED = [
  'application/json',
  'text/html',
  'application/*',
  '*/*',
  'text/*;q=0.5',
  'application/json;q=0',
  'text/html, application/json;q=0.9',
]

export const negotiation: Area = {
  name: 'negotiation',
  make: (from) =>
    tried({ headers: { accept: [`accept:${from.pick(['application/json', 'text/html', 'image/png'])}`] } }, [
      plainRequest,
      ...ACCEPTED.map((value): Sent => ({ ...plainRequest, headers: [['accept', value]] })),
    ]),
}

const NUMBERS = [
  '{"a": 1}',
  '{"a": 1.0}',
  '{"a": 10e-1}',
  '{"a": "1"}',
  '{"a": 2}',
  '{"a": [1, 2.0]}',
  '{"a": [1, 2.00]}',
]

export const numbersAsStrings: Area = {
  name: 'numbers-as-strings',
  make: (from) =>
    tried(
      {
        body: {
          type: 'JSON',
          json: from.pick(NUMBERS),
          matchNumbersAsStrings: from.chance(5),
          ...(from.chance(3) ? { matchType: 'STRICT' } : {}),
        },
      },
      NUMBERS.map((body) => ({ ...plainRequest, method: 'POST', body, contentType: 'application/json' })),
    ),
}

const DEEP = ['a[b]=1', 'a[b]=2', 'a[b]=1&a[c]=x', 'a=1', 'a[b]=1&d=2', 'b[a]=1']

export const deepObjects: Area = {
  name: 'deep-objects',
  make: (from) => [
    call('expectation', {
      id: 'e0',
      httpRequest: {
        path: '/a',
        queryStringParameters: {
          a: { parameterStyle: 'DEEP_OBJECT', values: [from.pick(['b,1', '.*', '{"b":"1"}'])] },
        },
      },
      httpResponse: { body: 'matched' },
    }),
    ...DEEP.map((query) => ({ method: 'GET', target: `/a?${query.replaceAll('[', '%5B').replaceAll(']', '%5D')}` })),
  ],
}

export const beforeBody: Area = {
  name: 'before-body',
  make: (from) => [
    call('expectation', {
      id: 'e0',
      httpRequest: { path: '/a', method: from.pick(['POST', '.*']), respondBeforeBody: from.chance(8) },
      httpResponse: { statusCode: from.pick([200, 413]), body: 'early' },
    }),
    stepOf({ ...plainRequest, method: 'POST', body: 'x' }),
    stepOf(plainRequest),
    call('verify', { httpRequest: { path: '/a' }, times: { atLeast: 1 } }),
  ],
}
