import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Done } from '../../../src/act/finish.ts'
import { outcomeOf } from '../../../src/act/finish.ts'
import { createForwardChanged, createForwardPlanned } from '../../../src/act/forward-planned.ts'
import { type FindRoute, outboundRoute } from '../../../src/act/route.ts'
import type { ForwardTarget } from '../../../src/act/upstream-request.ts'
import type {
  AskForPlan,
  ForwardPlan,
  MakePlan,
  MockResponse,
  Respond,
  ResponseChange,
  WholeAnswer,
} from '../../../src/action.ts'
import type { Endpoint, Flow, Outcome } from '../../../src/flow.ts'
import type { HttpExchange } from '../../../src/http1/exchange.ts'
import { createBudget } from '../../../src/intercept/budget.ts'
import { fakeExchange } from '../../support/fake-exchange.ts'

const GOING: Endpoint = { address: '192.0.2.1', port: 80 }
const FLOW: Flow = {
  cookie: 0n,
  workload: { id: 1, name: 'test' },
  direction: 'outbound',
  client: { address: '127.0.0.1', port: 1 },
  local: { address: '127.0.0.1', port: 2 },
  fd: -1,
}
const REQUEST = ['POST /a HTTP/1.1', 'Host: h', 'Accept-Encoding: gzip', 'Content-Length: 3']

/** Forwarding with the upstream played by the test. */
const setup = (limit = 100, total = 100, request = REQUEST) => {
  const inner = fakeExchange(request, 'old')
  const outcomes: Outcome[] = []
  const forwarded: { exchange: HttpExchange; target: ForwardTarget; done: Done }[] = []
  let hits = 0
  const budget = createBudget(total, () => {
    hits++
  })
  const limits = { bodyBytes: limit, budget, onLimit: () => void hits++ }
  const forwardChanged = createForwardChanged(
    (exchange, target, done) => forwarded.push({ exchange, target, done }),
    outboundRoute,
    limits,
  )
  const done: Done = (outcome) => outcomes.push(outcome)
  const upstream = () => {
    const [first] = forwarded
    if (!first) throw new Error('nothing was forwarded')
    return first
  }
  return {
    ...{ inner, outcomes, forwarded, budget, upstream, forwardChanged, done },
    hits: () => hits,
    run: (plan: ForwardPlan | Respond, destination: Endpoint | undefined = GOING) =>
      forwardChanged(inner, plan, { flow: FLOW, body: undefined, destination }, done),
    /** The upstream answers with these pieces, and is done. */
    answer: (pieces: readonly string[], headers: readonly string[] = ['content-length', '9', 'x-up', '1']) => {
      const { exchange, done: finished } = upstream()
      exchange.onGone = () => undefined
      exchange.start(200, undefined, headers)
      for (const piece of pieces) exchange.write(Buffer.from(piece))
      const outcome = outcomeOf(exchange, 200, exchange.responseBytes)
      exchange.end([])
      finished(outcome)
    },
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const answeredBy = (response: ResponseChange): ForwardPlan => ({ to: undefined, response })
const response = (body: string): MockResponse => ({ statusCode: 202, headers: [], body: Buffer.from(body), delayMs: 0 })

test('a plan without changes is forwarded as the client sent it', () => {
  const { run, inner, upstream } = setup()
  run({ to: { address: 'other.test', port: 443, isSecure: true } })
  const { exchange, target } = upstream()
  assert.equal(exchange, inner)
  assert.deepEqual(
    [target.destination.address, target.host, target.secureName],
    ['other.test', 'other.test', 'other.test'],
  )
})

test('a request of which nothing is kept is what the plan says, and goes where its Host says', () => {
  const { run, upstream } = setup()
  run({ to: undefined, request: { isWhole: true, headers: [{ set: ['host', 'x.test:81'] }] } })
  const { exchange, target } = upstream()
  assert.deepEqual(target.destination, { address: 'x.test', port: 81 })
  assert.deepEqual([exchange.request.head.method, exchange.takeBody(9)?.length], ['GET', 0])
})

test('an answer may come in place of a plan', () => {
  const { run, inner, outcomes } = setup()
  run({ kind: 'respond', response: response('no template') })
  assert.match(inner.sent.join(), /^HTTP\/1\.1 202 [\s\S]*no template$/)
  assert.equal(outcomes[0]?.status, 202)
})

test('a change that no request can have is told to the client, and nobody is asked', () => {
  const { run, inner, forwarded } = setup()
  run({ to: undefined, request: { path: '/a b' } })
  assert.match(inner.sent.join(), /change_failed[\s\S]*the path cannot stand in a request/)
  assert.equal(forwarded.length, 0)
})

test('what goes where it was going is routed as if nothing had been chosen', () => {
  const chosen: boolean[] = []
  const { inner, done } = setup()
  const limits = { bodyBytes: 1, budget: createBudget(1, () => undefined), onLimit: () => undefined }
  const route: FindRoute = (_, destination, isChosen) => {
    chosen.push(isChosen)
    return { destination: { address: '127.0.0.1', port: 8080 }, source: '', appPort: destination.port }
  }
  const targets: ForwardTarget[] = []
  const forwardChanged = createForwardChanged((_, target) => targets.push(target), route, limits)
  const going = { flow: { ...FLOW, direction: 'inbound' as const }, body: undefined, destination: GOING }
  forwardChanged(inner, { to: undefined, request: { path: '/changed' } }, going, done)
  forwardChanged(inner, { to: { address: 'other.test', port: 1 } }, going, done)
  assert.deepEqual(chosen, [false, true])
  assert.deepEqual(
    targets.map(({ host }) => host),
    [undefined, 'other.test:1'],
  )
})

test('a plan for nowhere is refused', () => {
  const { inner, forwardChanged, done } = setup()
  forwardChanged(inner, { to: undefined }, { flow: FLOW, body: undefined, destination: undefined }, done)
  assert.match(inner.sent.join(), /^HTTP\/1\.1 502 [\s\S]*no_destination/)
})

test('where it went is told where nobody could know before', () => {
  const { run, answer, outcomes } = setup()
  run({ to: { address: 'other.test', port: 81 }, response: {} })
  answer(['x'])
  assert.deepEqual(outcomes[0]?.dialled, { address: 'other.test', port: 81 })
})

test('a patch gets all of the body, asked for uncompressed, and its memory is given back', () => {
  const { run, answer, inner, upstream, budget, outcomes } = setup()
  run(answeredBy({ steps: [{ patch: (body) => Buffer.from(`${body}!`) }, { statusCode: 201 }] }))
  assert.deepEqual(upstream().exchange.request.head.headers.slice(2, 4), ['accept-encoding', 'identity'])
  answer(['one ', 'two'])
  assert.match(inner.sent.join(), /^HTTP\/1\.1 201 Created\r\nx-up: 1\r\ncontent-length: 8\r\n\r\none two!$/)
  assert.deepEqual([budget.taken, outcomes.map(({ status }) => status)], [0, [201]])
})

test('the answer to a HEAD, whose body would be patched, says no length', () => {
  const { run, answer, inner } = setup(100, 100, ['HEAD /a HTTP/1.1', 'Host: h'])
  run(answeredBy({ steps: [{ patch: () => Buffer.from('other') }] }))
  answer([])
  assert.deepEqual(inner.sent, ['start 200  x-up,1', 'end'])
})

test('a body that is compressed all the same is not patched', () => {
  const { run, answer, inner } = setup()
  run(answeredBy({ steps: [{ patch: () => Buffer.from('no') }] }))
  answer(['zipped'], ['content-encoding', 'gzip'])
  assert.match(inner.sent.join(), /zipped$/)
})

test('a body that is too large to be patched passes as it is', () => {
  const { run, answer, inner, hits, budget } = setup(5)
  run(answeredBy({ steps: [{ statusCode: 201, patch: () => Buffer.from('no') }] }))
  answer(['one ', 'two', 'three'])
  assert.deepEqual(inner.sent, ['start 201  content-length,9,x-up,1', 'write one ', 'write two', 'write three', 'end'])
  assert.deepEqual([hits(), budget.taken], [1, 0])
})

test('a rewrite gets the answer as the steps have left it, and answers in its place', async () => {
  const { run, answer, inner, outcomes } = setup()
  let got: WholeAnswer | undefined
  const rewrite = (whole: WholeAnswer): Promise<MockResponse> => {
    got = whole
    return Promise.resolve(response('rewritten'))
  }
  run(answeredBy({ steps: [{ headers: { add: ['x-a', '1'] } }], rewrite }))
  answer(['all of it'])
  assert.deepEqual([outcomes, inner.sent], [[], []])
  await settled()
  assert.deepEqual([got?.headers, String(got?.body)], [['x-up', '1', 'x-a', '1'], 'all of it'])
  assert.match(inner.sent.join(), /^HTTP\/1\.1 202 [\s\S]*rewritten$/)
  assert.equal(outcomes.length, 1)
})

test('an answer that is too large to be rewritten is a fault, and the upstream is told to stop', () => {
  const { run, inner, outcomes, upstream } = setup(5)
  run(answeredBy({ rewrite: () => response('never') }))
  const { exchange } = upstream()
  let stopped = 0
  exchange.onGone = () => {
    stopped++
  }
  exchange.start(200, undefined, [])
  for (let i = 0; i < 5; i++) exchange.write(Buffer.alloc(100_000))
  assert.match(inner.sent.join(), /^HTTP\/1\.1 500 [\s\S]*too large to be held/)
  assert.deepEqual([stopped, outcomes.map(({ fault }) => fault)], [1, ['change_failed']])
})

test('a rewrite that fails, or makes what cannot be sent, is told to the client', async () => {
  for (const rewrite of [
    () => Promise.reject(new Error('odd')),
    () => ({ ...response(''), headers: ['x', 'a\r\nb'] }),
  ]) {
    const { run, answer, inner, outcomes } = setup()
    run(answeredBy({ rewrite }))
    answer(['x'])
    await settled()
    assert.match(inner.sent.join(), /^HTTP\/1\.1 500 [\s\S]*change_failed/)
    assert.equal(outcomes.length, 1)
  }
})

test('a client that goes while its answer is rewritten is recorded once', async () => {
  const { run, answer, inner, outcomes } = setup()
  run(answeredBy({ rewrite: () => Promise.resolve(response('late')) }))
  answer(['x'])
  inner.onGone?.('client_reset')
  await settled()
  assert.deepEqual([inner.sent, outcomes.map(({ fault }) => fault)], [[], ['client_reset']])
})

test('an answer that breaks off while it is held is told as the upstream’s fault', () => {
  const { run, inner, outcomes, upstream, budget } = setup()
  run(answeredBy({ rewrite: () => response('never') }))
  const { exchange, done } = upstream()
  exchange.start(200, undefined, [])
  exchange.write(Buffer.from('half'))
  exchange.abort()
  done(outcomeOf(exchange, 200, 0, 'upstream_reset'))
  assert.match(inner.sent.join(), /^HTTP\/1\.1 502 [\s\S]*upstream_reset/)
  assert.deepEqual([budget.taken, outcomes.map(({ fault }) => fault)], [0, ['upstream_reset']])
})

test('a client that goes while an answer is held gives the memory back', () => {
  const { run, inner, outcomes, upstream, budget } = setup()
  run(answeredBy({ rewrite: () => response('never') }))
  const { exchange, done } = upstream()
  exchange.onGone = (fault) => done(outcomeOf(exchange, undefined, 0, fault))
  exchange.start(200, undefined, [])
  exchange.write(Buffer.from('half'))
  inner.onGone?.('client_closed')
  assert.deepEqual([budget.taken, outcomes.map(({ fault }) => fault)], [0, ['client_closed']])
})

test('an upstream whose body nobody wants is told to stop where the client is still sending', async () => {
  const { run, upstream, inner } = setup()
  inner.readBody = () => undefined // the body never ends
  run(answeredBy({ body: Buffer.from('mine') }))
  const { exchange } = upstream()
  let stopped = 0
  exchange.onGone = () => {
    stopped++
  }
  exchange.readBody({ data: () => true, end: () => undefined })
  exchange.start(200, undefined, [])
  assert.match(inner.sent.join(), /mine$/)
  await settled()
  assert.equal(stopped, 1)
})

const OLD = { flow: FLOW, body: Buffer.from('old'), destination: GOING }

test('what an action makes of a request goes before what it says itself', () => {
  const { forwardChanged, inner, upstream, done } = setup()
  const seen: unknown[] = []
  const make: MakePlan = ({ path, body, remoteAddress }) => {
    seen.push(path, String(body), remoteAddress)
    return { made: { to: { address: 'made.test', port: 1 } } }
  }
  const action = { kind: 'forward', to: undefined, delayMs: 0, make } as const
  createForwardPlanned(forwardChanged, { askForPlan: undefined, onFailed: () => undefined })(inner, action, OLD, done)
  assert.deepEqual(seen, ['/a', 'old', `${FLOW.client.address}:${FLOW.client.port}`])
  assert.equal(upstream().target.destination.address, 'made.test')
})

test('what cannot be made is answered with the reason, and told without it', async () => {
  const { forwardChanged, inner, forwarded, done } = setup()
  const told: unknown[] = []
  const make: MakePlan = async () => ({ problem: 'no such thing' })
  const action = { kind: 'forward', to: undefined, delayMs: 0, make } as const
  createForwardPlanned(forwardChanged, { askForPlan: undefined, onFailed: (id) => told.push(id) })(
    inner,
    action,
    { ...OLD, expectationId: 'e' },
    done,
  )
  await settled()
  assert.match(inner.sent.join(), /^HTTP\/1\.1 500 [\s\S]*template_failed[\s\S]*no such thing/)
  assert.deepEqual([told, forwarded], [['e'], []])
})

test('a plan that was not to fail and did is told to the client', async () => {
  const { forwardChanged, inner, outcomes, done } = setup()
  const make: MakePlan = () => Promise.reject(new Error('broken'))
  const action = { kind: 'forward', to: undefined, delayMs: 0, make } as const
  createForwardPlanned(forwardChanged, { askForPlan: undefined, onFailed: () => undefined })(inner, action, OLD, done)
  await settled()
  assert.match(inner.sent.join(), /^HTTP\/1\.1 500 [\s\S]*broken/)
  assert.equal(outcomes[0]?.fault, 'template_failed')
})

test('a client that goes while a plan is made is told of, and what comes then is dropped', async () => {
  const { forwardChanged, inner, forwarded, outcomes, done } = setup()
  const later = Promise.withResolvers<{ made: ForwardPlan }>()
  const action = { kind: 'forward', to: undefined, delayMs: 0, make: () => later.promise } as const
  createForwardPlanned(forwardChanged, { askForPlan: undefined, onFailed: () => undefined })(inner, action, OLD, done)
  inner.onGone?.('client_closed')
  later.resolve({ made: { to: undefined } })
  await settled()
  assert.deepEqual([outcomes.map(({ fault }) => fault), forwarded], [['client_closed'], []])
})

test('a callback client is not waited for when whoever asked has gone', async () => {
  const { forwardChanged, inner, outcomes, done } = setup()
  let stopped = 0
  const askForPlan: AskForPlan = (_, __, waits) => {
    waits(() => stopped++)
    return new Promise(() => undefined)
  }
  const action = { kind: 'forward', to: undefined, delayMs: 0, make: { clientId: 'c', seesAnswer: false } } as const
  createForwardPlanned(forwardChanged, { askForPlan, onFailed: () => undefined })(inner, action, OLD, done)
  inner.onGone?.('client_closed')
  await settled()
  assert.deepEqual([stopped, outcomes.map(({ fault }) => fault)], [1, ['client_closed']])
})
