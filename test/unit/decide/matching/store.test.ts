import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createExpectationStore } from '../../../../src/decide/matching/store.ts'
import { answer, expectation, head, storeOf } from '../build.ts'

const body = { kind: 'text', text: 'x', isPart: false, negated: false } as const

test('an expectation without a request matches everything', () => {
  assert.equal(answer(storeOf({}), head('PURGE /any?x=1')), '0')
})

test('method, path, query and headers must all match', () => {
  const store = storeOf({
    httpRequest: {
      method: 'POST',
      path: '/a',
      queryStringParameters: [{ name: 'q', values: ['1'] }],
      headers: [{ name: 'X-Tenant', values: ['blue'] }],
    },
  })
  assert.equal(answer(store, head('post /A?q=1', 'x-tenant', 'BLUE')), '0')
  assert.equal(answer(store, head('GET /a?q=1', 'x-tenant', 'blue')), 'none')
  assert.equal(answer(store, head('POST /b?q=1', 'x-tenant', 'blue')), 'none')
  assert.equal(answer(store, head('POST /a?q=2', 'x-tenant', 'blue')), 'none')
  assert.equal(answer(store, head('POST /a?q=1', 'x-tenant', 'red')), 'none')
})

test('the path is matched as it was sent, not decoded', () => {
  const store = storeOf({ httpRequest: { path: '/a%20b' } })
  assert.equal(answer(store, head('GET /a%20b')), '0')
  assert.equal(answer(storeOf({ httpRequest: { path: '/a b' } }), head('GET /a%20b')), 'none')
})

test('a path that is a pattern also equals its own text', () => {
  const store = storeOf({ httpRequest: { path: '/a\\.b' } })
  assert.equal(answer(store, head('GET /a.b')), '0')
  assert.equal(answer(store, head('GET /A\\.b')), '0')
  assert.equal(answer(store, head('GET /axb')), 'none')
})

test('a header with commas is one value', () => {
  const store = storeOf({ httpRequest: { headers: [{ name: 'x-a', values: ['1'] }] } })
  assert.equal(answer(store, head('GET /', 'x-a', '1, 2')), 'none')
})

test('blank method and path match everything', () => {
  assert.equal(answer(storeOf({ httpRequest: { method: '', path: ' ' } }), head('GET /x')), '0')
})

test('the first given wins among equals, and a higher priority wins over it', () => {
  const request = { httpRequest: { path: '/a' } }
  assert.equal(answer(storeOf(request, request), head('GET /a')), '0')
  assert.equal(answer(storeOf(request, { ...request, priority: 1 }, request), head('GET /a')), '1')
  assert.equal(answer(storeOf({ ...request, priority: -1 }, request), head('GET /a')), '1')
})

test('order holds between literal paths, patterns and expectations without a path', () => {
  const literal = { httpRequest: { path: '/a/1' } }
  const pattern = { httpRequest: { path: '/a/[0-9]' } }
  const loose = { httpRequest: { path: '.*1' } }
  const any = { httpRequest: { method: 'GET' } }
  const other = { httpRequest: { path: '!/b' } }
  for (const first of [literal, pattern, loose, any, other]) {
    const store = storeOf(first, literal, pattern, loose, any, other)
    assert.equal(answer(store, head('GET /a/1')), '0')
  }
})

test('an expectation for two requests answers two and then lets the next answer', () => {
  const store = storeOf({ httpRequest: { path: '/a' }, remainingTimes: 2 }, { httpRequest: { path: '/a' } })
  const answers = [1, 2, 3].map(() => answer(store, head('GET /a')))
  assert.deepEqual(answers, ['0', '0', '1'])
})

test('only a match uses up a turn', () => {
  const store = storeOf({ httpRequest: { path: '/a', body }, remainingTimes: 1 })
  assert.equal(answer(store, head('GET /b')), 'none')
  assert.equal(answer(store, head('GET /a')), 'needs_body')
  assert.equal(answer(store, head('GET /a'), 'y'), 'none')
  assert.equal(answer(store, head('GET /a'), 'x'), '0')
  assert.equal(answer(store, head('GET /a'), 'x'), 'none')
})

test('an expectation with no times left from the start never matches', () => {
  assert.equal(answer(storeOf({ remainingTimes: 0 }), head('GET /')), 'none')
})

test('an expectation lives as long as it says, from the start of the store', () => {
  const store = createExpectationStore([expectation({ timeToLiveMs: 1000 })], 5000)
  assert.equal(answer(store, head('GET /'), undefined, 5999), 'e')
  assert.equal(answer(store, head('GET /'), undefined, 6000), 'none')
})

test('without a time of creation, life starts with the first request', () => {
  const store = createExpectationStore([expectation({ timeToLiveMs: 1000 })])
  assert.equal(answer(store, head('GET /'), undefined, 70_000), 'e')
  assert.equal(answer(store, head('GET /'), undefined, 70_999), 'e')
  assert.equal(answer(store, head('GET /'), undefined, 71_000), 'none')
})

test('the body is asked for only when the first that fits the head needs it', () => {
  const needing = { httpRequest: { path: '/a', body } }
  const plain = { httpRequest: { path: '/a' } }
  assert.equal(answer(storeOf(plain, needing), head('GET /a')), '0')
  assert.equal(answer(storeOf(needing, plain), head('GET /a')), 'needs_body')
  assert.equal(answer(storeOf(needing, plain), head('GET /a'), 'y'), '1')
  assert.equal(answer(storeOf(needing), head('GET /b')), 'none')
  assert.equal(answer(storeOf(plain, { httpRequest: { path: '/.', body }, priority: 1 }), head('GET /a')), 'needs_body')
})

test('a body over the budget matches no body matcher, negated or not', () => {
  const negated = { httpRequest: { body: { ...body, negated: true } } }
  const store = storeOf({ httpRequest: { body } }, negated, { httpRequest: { path: '/a' } })
  assert.equal(answer(store, head('POST /a'), 'unavailable'), '2')
})

test('the content type of the request decides whether its body is JSON', () => {
  const json = { kind: 'json', expected: { a: 1 }, isStrict: false, negated: false } as const
  const store = storeOf({ httpRequest: { body: json } })
  assert.equal(answer(store, head('POST /', 'Content-Type', 'application/json'), '{"a":1}'), '0')
  assert.equal(answer(store, head('POST /', 'Content-Type', 'text/plain'), '{"a":1}'), 'none')
})

test('a store knows how many it was given', () => {
  assert.equal(storeOf({}, { remainingTimes: 0 }).size, 2)
})

const store = () => createExpectationStore([expectation({ httpRequest: { path: '/a' } }, 'a')], 0)
const at = (path: string) => ({ httpRequest: { path } })

test('what is added while it serves stands behind its equals, however many there are', () => {
  const live = store()
  for (let n = 0; n < 1000; n++) live.upsert([expectation(at(`/${n % 500}`), `n${n}`)], 0)
  assert.equal(answer(live, head('GET /a')), 'a')
  for (const n of [0, 255, 256, 499]) assert.equal(answer(live, head(`GET /${n}`)), `n${n}`)
  live.upsert([expectation({ ...at('/.*'), priority: 1 }, 'first')], 0)
  assert.equal(answer(live, head('GET /a')), 'first')
})

test('the same id replaces in place, and starts anew', () => {
  const live = store()
  live.upsert([expectation({ ...at('/a'), remainingTimes: 2 }, 'b'), expectation(at('/a'), 'c')], 0)
  live.upsert([expectation(at('/other'), 'a')], 0)
  assert.equal(answer(live, head('GET /a')), 'b')
  live.upsert([expectation({ ...at('/a'), remainingTimes: 1 }, 'b')], 0)
  assert.equal(answer(live, head('GET /a')), 'b')
  assert.equal(answer(live, head('GET /a')), 'c')
  assert.deepEqual(
    live.list(0).map((one) => one.expectation.id),
    ['a', 'c'],
  )
})

test('what is removed or cleared answers no more', () => {
  const live = store()
  live.upsert([expectation(at('/a'), 'b')], 0)
  live.remove(new Set(['a', 'nobody']))
  assert.equal(answer(live, head('GET /a')), 'b')
  live.clear()
  assert.deepEqual([answer(live, head('GET /a')), live.size], ['none', 0])
})

test('an expectation that is used up has no place to keep: put again it is the last of its equals', () => {
  const live = createExpectationStore([], 0)
  live.upsert([expectation({ ...at('/a'), remainingTimes: 1 }, 'x'), expectation(at('/a'), 'y')], 0)
  assert.equal(answer(live, head('GET /a')), 'x')
  live.upsert([expectation(at('/a'), 'x')], 0)
  assert.equal(answer(live, head('GET /a')), 'y')
  assert.deepEqual(
    live.list(0).map((one) => one.expectation.id),
    ['y', 'x'],
  )
})

test('what is used up or too old is not listed, and leaves when there is much of it', () => {
  const live = createExpectationStore([], 0)
  live.upsert([expectation({ ...at('/old'), timeToLiveMs: 10 }, 'old')], 5)
  assert.equal(live.get('old', 14)?.expectation.id, 'old')
  assert.equal(live.get('old', 15), undefined)
  for (let n = 0; n < 200; n++) {
    live.upsert([expectation({ ...at('/once'), remainingTimes: 1 }, `n${n}`)], 20)
    assert.equal(answer(live, head('GET /once'), undefined, 20), `n${n}`)
  }
  assert.deepEqual(live.list(20), [])
  assert.ok(live.size < 100, `${live.size} are held`)
})

const share = (percentage: number) => ({
  conditions: { scope: undefined, scenario: undefined, percentage, rateLimit: undefined },
})

test('an expectation for a share of the requests leaves the others to the next', () => {
  const draws = [0.29, 0.3, 0, 0.99]
  const all = [expectation(share(30), 'some'), expectation({}, 'rest')]
  const store = createExpectationStore(all, 0, () => draws.shift() ?? 0)
  assert.deepEqual(
    [1, 2, 3, 4].map(() => answer(store, head('GET /'))),
    ['some', 'rest', 'some', 'rest'],
  )
})

test('none of a hundred is never, and all of them is always', () => {
  for (const draw of [0, 0.5, 0.999]) {
    const never = createExpectationStore([expectation(share(0))], 0, () => draw)
    const always = createExpectationStore([expectation(share(100))], 0, () => draw)
    assert.deepEqual([answer(never, head('GET /')), answer(always, head('GET /'))], ['none', 'e'])
  }
})

test('chance is asked once for a request whose body has to be awaited', () => {
  let draws = 0
  const asks = [expectation({ ...share(50), httpRequest: { body } })]
  const store = createExpectationStore(asks, 0, () => draws++ * 0)
  assert.equal(answer(store, head('GET /')), 'needs_body')
  assert.equal(answer(store, head('GET /'), 'x'), 'e')
  assert.equal(draws, 1)
})

test('where nothing matches, the one that came closest is named with what kept it away', () => {
  const store = storeOf(
    { httpRequest: { path: '/a', method: 'POST' } },
    { httpRequest: { path: '/a', method: 'GET', headers: [{ name: 'x', values: ['1'] }] } },
    { httpRequest: { path: '/b' } },
  )
  const closest = (line: string) => {
    const result = store.match({ head: head(line), body: undefined, nowMs: 0 })
    return result.kind === 'none' ? result.closest : result.kind
  }
  assert.deepEqual(closest('GET /a'), { expectationId: '1', reason: 'headers' })
  assert.equal(closest('GET /c'), undefined)
})

test('every expectation is explained, and nothing is used up by it', () => {
  const store = storeOf(
    { httpRequest: { path: '/a', method: 'POST' } },
    { httpRequest: { path: '/b' } },
    { httpRequest: { path: '/a', not: true } },
    { httpRequest: { path: '/a', body }, remainingTimes: 1 },
  )
  const asked = { head: head('GET /a'), body: Buffer.from('x'), nowMs: 0 }
  for (let round = 0; round < 2; round++)
    assert.deepEqual(
      [...store.explain(asked)].map(({ reason }) => reason),
      ['method', 'path', 'not', undefined],
    )
})
