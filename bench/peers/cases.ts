/** What the servers are told to answer, and what they are then asked. */
import type { Asked } from '../support/wrk.ts'
import type { Stub } from './peer.ts'

export interface Case {
  readonly name: string
  readonly stubs: readonly Stub[]
  /** Asked in turn. */
  readonly asked: readonly Asked[]
  /** The body that the first of them is answered with. */
  readonly answer: string
}

const BODY_BYTES = 256

const answerOf = (index: number): string => {
  const start = `{"index":${index},"fill":"`
  return `${start}${'x'.repeat(BODY_BYTES - start.length - 2)}"}`
}

const many = (count: number, of: (index: number) => Omit<Stub, 'answer'>): Stub[] =>
  Array.from({ length: count }, (_, index) => ({ ...of(index), answer: answerOf(index) }))

const literalPath = (index: number): string => `/api/orders/${index}`
const literal = (index: number) => ({ method: 'GET', path: { literal: literalPath(index) } })
const last = (count: number): string => answerOf(count - 1)
const get = (path: string): Asked => ({ method: 'GET', path })

const lastLiteral = (count: number): Case => ({
  name: `${count.toLocaleString('en')} literal path${count === 1 ? '' : 's'}${count === 1 ? '' : ', the last asked for'}`,
  stubs: many(count, literal),
  asked: [get(literalPath(count - 1))],
  answer: last(count),
})

export const ONE = lastLiteral(1)

const THOUSAND = 1000
export const PATTERNS: Case = {
  name: '1,000 regular expressions as paths, the last asked for',
  stubs: many(THOUSAND, (index) => ({ method: 'GET', path: { pattern: `/api/orders-${index}/[0-9]+/lines/[a-z]+` } })),
  asked: [get(`/api/orders-${THOUSAND - 1}/4711/lines/abc`)],
  answer: last(THOUSAND),
}

/** In the order they are run; the first warms everybody up. */
export const CASES: readonly Case[] = [
  ONE,
  lastLiteral(THOUSAND),
  {
    name: '1,000 literal paths without a method, the last asked for',
    stubs: many(THOUSAND, (index) => ({ path: { literal: literalPath(index) } })),
    asked: [get(literalPath(THOUSAND - 1))],
    answer: last(THOUSAND),
  },
  PATTERNS,
  {
    name: '1,000 regular expressions that begin alike, the last asked for',
    stubs: many(THOUSAND, (index) => ({ method: 'GET', path: { pattern: `/api/[a-z]+/[0-9]+/lines-${index}` } })),
    asked: [get(`/api/orders/4711/lines-${THOUSAND - 1}`)],
    answer: last(THOUSAND),
  },
  {
    name: '1,000 JSON bodies of one path, the last asked for',
    stubs: many(THOUSAND, (index) => ({
      method: 'POST',
      path: { literal: '/api/orders' },
      json: { order: { id: index, lines: [{ article: 'abc', count: 3 }] } },
    })),
    asked: [
      {
        method: 'POST',
        path: '/api/orders',
        body: JSON.stringify({ order: { id: THOUSAND - 1, lines: [{ article: 'abc', count: 3 }] } }),
      },
    ],
    answer: last(THOUSAND),
  },
]

const LARGE = 10_000
export const LARGE_LAST = lastLiteral(LARGE)

/** Too many for those who go through them one by one: compared with ourselves, and with who has an index. */
export const LARGE_CASE: Case = {
  name: '10,000 literal paths, all asked for in turn',
  stubs: many(LARGE, literal),
  asked: Array.from({ length: LARGE }, (_, index) => get(literalPath(index))),
  answer: answerOf(0),
}
