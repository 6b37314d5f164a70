/**
 * Do ten thousand expectations cost more than one? A request that only the last of them fits, and one that none fits, by
 * the form of their paths; in one process, without sockets.
 */
import { createExpectationStore, type ExpectationStore } from '../src/decide/matching/store.ts'
import type { RequestHead } from '../src/flow.ts'
import { expectation, head } from '../test/unit/decide/build.ts'
import { note, type Row, report } from './support/report.ts'
import { median, spreadOf } from './support/statistics.ts'

const MANY = 10_000
const ROUNDS = 40
const REQUESTS = 2000

interface Form {
  readonly name: string
  readonly path: (at: number) => string
  readonly hit: string
  readonly miss: string
  /** One that only expectation `at` asks for, of one path for all. */
  readonly body?: (at: number) => unknown
}

const last = MANY - 1
const FORMS: readonly Form[] = [
  { name: 'literal', path: (at) => `/api/v1/item-${at}`, hit: `/api/v1/item-${last}`, miss: '/api/v1/item-x' },
  {
    name: 'templated',
    path: (at) => `/api/v1/{id}/item-${at}`,
    hit: `/api/v1/7/item-${last}`,
    miss: '/api/v1/7/item-x',
  },
  { name: 'pattern', path: (at) => `/api/[^/]+/item-${at}`, hit: `/api/v1/item-${last}`, miss: '/api/v1/item-x' },
  {
    name: 'pattern with its own text in the middle',
    path: (at) => `/api/[^/]+/item-${at}/[0-9]+`,
    hit: `/api/v1/item-${last}/7`,
    miss: '/api/v1/item-x/7',
  },
  {
    name: 'JSON bodies of one path',
    path: () => '/api/orders',
    hit: '/api/orders',
    miss: '/api/other',
    body: (at) => ({ order: { id: at, lines: [{ article: 'abc', count: 3 }] } }),
  },
  { name: 'pattern of the end', path: (at) => `/.*/item-${at}`, hit: `/api/v1/item-${last}`, miss: '/api/v1/item-x' },
]

const storeOf = ({ path, body: json }: Form, numbers: readonly number[]): ExpectationStore =>
  createExpectationStore(
    numbers.map((at) => {
      const text = path(at)
      const pathParameters = text.includes('{') ? [{ name: 'id', values: ['.*'] }] : undefined
      const expected = json?.(at)
      const body =
        expected === undefined ? undefined : ({ kind: 'json', expected, isStrict: false, negated: false } as const)
      return expectation({ httpRequest: { method: 'GET', path: text, pathParameters, body } }, String(at))
    }),
    0,
  )

/** Nanoseconds for one request. */
const timed = (store: ExpectationStore, request: RequestHead, body: Buffer, wanted: 'matched' | 'none'): number => {
  const begun = process.hrtime.bigint()
  for (let sent = 0; sent < REQUESTS; sent++) {
    if (store.match({ head: request, body, nowMs: 0 }).kind !== wanted)
      throw new Error(`${request.path} was not ${wanted}`)
  }
  return Number(process.hrtime.bigint() - begun) / REQUESTS
}

const rowOf = (form: Form, path: string, wanted: 'matched' | 'none'): Row => {
  const one = storeOf(form, [last])
  const many = storeOf(
    form,
    Array.from({ length: MANY }, (_, at) => at),
  )
  const request = head(`GET ${path}`)
  const body = Buffer.from(form.body ? JSON.stringify(form.body(last)) : '')
  const times: { readonly one: number; readonly many: number }[] = []
  for (let round = -5; round < ROUNDS; round++) {
    const time = { one: timed(one, request, body, wanted), many: timed(many, request, body, wanted) }
    if (round >= 0) times.push(time)
  }
  const each = (side: 'one' | 'many'): number => Math.round(median(times.map((time) => time[side])))
  note(`matching: ${form.name}, ${wanted}: ${each('many')} ns with ${MANY}, ${each('one')} ns with one`)
  return {
    question: `a request ${wanted === 'matched' ? 'that the last' : 'that none'} of ${MANY} expectations fits: ${form.name}`,
    reference: 'one expectation',
    measured: { kind: 'ratio', spread: spreadOf(times.map(({ one: single, many: all }) => all / single)) },
    target: { atMost: 4 },
  }
}

report(FORMS.flatMap((form) => [rowOf(form, form.hit, 'matched'), rowOf(form, form.miss, 'none')]))
