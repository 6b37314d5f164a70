/** Answers of a real upstream that an expectation changes on their way back, or stands in for. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { NOWHERE, overriding, to } from '../support/overriding.ts'
import { closedPort, httpUpstream, rawClient, request, startPlane } from '../support/plane-lab.ts'

test('status, phrase, headers and cookies of the answer are replaced, its body stays', async (t) => {
  const { ask, lab } = await overriding(t, (port) => ({
    requestOverride: { socketAddress: to(port) },
    responseOverride: {
      statusCode: 418,
      reasonPhrase: 'Tea',
      headers: { 'X-Up': 'n', 'x-new': '1' },
      cookies: { a: '9; Secure', c: '3' },
    },
  }))
  const text = await ask(request('GET /'))
  assert.match(text, /^HTTP\/1\.1 418 Tea\r\n/)
  const lines = text.split('\r\n').filter((line) => /^(?:x-|set-cookie|content-)/i.test(line))
  assert.deepEqual(lines, [
    ...['content-type: application/json', 'X-Up: n'],
    ...['set-cookie: a=9; Secure', 'set-cookie: b=2', 'set-cookie: c=3'],
    ...['content-length: 7', 'x-new: 1'],
  ])
  assert.match(text, /\{"a":1\}$/)
  assert.equal((await lab.recorded(1)).outcome.status, 418)
})

test('a body in place of the upstream’s is framed anew', async (t) => {
  const { ask, lab } = await overriding(
    t,
    (port) => ({ requestOverride: { socketAddress: to(port) }, responseOverride: { body: { z: 1 } } }),
    (_, answer) => {
      answer.setHeader('content-encoding', 'gzip')
      answer.end('not wanted')
    },
  )
  const text = await ask(request('GET /'))
  assert.match(text, /content-length: 13\r\n/)
  assert.doesNotMatch(text, /content-encoding|chunked|not wanted/)
  assert.match(text, /\r\n\r\n\{\n {2}"z" : 1\n\}$/)
  assert.deepEqual((await lab.recorded(1)).outcome.responseBytes, 13)
})

test('a modifier changes headers and cookies of the answer where its condition holds', async (t) => {
  const { ask } = await overriding(t, (port) => ({
    requestOverride: { socketAddress: to(port) },
    responseModifier: {
      condition: { statusCodeRange: '2XX', responseHasHeader: 'X-UP', requestHasHeader: 'x-me' },
      modifiers: [
        {
          headers: { add: { 'x-up': '3' }, replace: { 'x-nope': '1' } },
          cookies: { replace: { a: '8' }, remove: ['b'] },
        },
        { condition: { statusCode: 404 }, headers: { add: { 'x-wrong': '1' } } },
        { condition: { responseHasHeader: 'x-up' }, headers: { remove: ['X-Up'], add: { 'x-last': '1' } } },
      ],
    },
  }))
  const changed = (await ask(request('GET /', 'X-Me: 1'))).split('\r\n').filter((line) => /^(?:x-|set-)/i.test(line))
  assert.deepEqual(changed, ['set-cookie: a=8', 'x-last: 1'])
})

test('without its condition, a modifier leaves the answer alone', async (t) => {
  const { ask } = await overriding(t, (port) => ({
    requestOverride: { socketAddress: to(port) },
    responseModifier: { condition: { statusCode: 404 }, headers: { remove: ['x-up'] } },
  }))
  assert.match(await ask(request('GET /')), /x-up: 1\r\nx-up: 2\r\n/)
})

test('a status without a body has none, and one with a body in its place has an empty one', async (t) => {
  const none = await overriding(t, (port) => ({
    requestOverride: { socketAddress: to(port) },
    responseOverride: { statusCode: 204 },
  }))
  const empty = await none.ask(request('GET /'), /\r\n\r\n/)
  assert.match(empty, /^HTTP\/1\.1 204 No Content\r\n/)
  assert.doesNotMatch(empty, /content-length|\}/)
  const some = await overriding(
    t,
    (port) => ({ requestOverride: { socketAddress: to(port) }, responseOverride: { statusCode: 200 } }),
    (_, answer) => answer.writeHead(304, { 'content-length': '100' }).end(),
  )
  assert.match(await some.ask(request('GET /'), /\r\n\r\n/), /^HTTP\/1\.1 200 OK\r\n[\s\S]*content-length: 0\r\n/)
})

test('GET that is sent on as HEAD is answered, with nothing', async (t) => {
  const { ask } = await overriding(t, (port) => ({ requestOverride: { socketAddress: to(port), method: 'HEAD' } }))
  assert.match(await ask(request('GET /'), /\r\n\r\n/), /^HTTP\/1\.1 200 OK\r\n[\s\S]*content-length: 0\r\n/)
})

test('an answer streams while its head is changed', async (t) => {
  let more: (() => void) | undefined
  const { ask, lab } = await overriding(
    t,
    (port) => ({ requestOverride: { socketAddress: to(port) }, responseOverride: { statusCode: 201 } }),
    (_, answer) => {
      answer.write('<first>')
      more = () => answer.end('<last>')
    },
  )
  const first = await ask(request('GET /'), /<first>/)
  assert.match(first, /^HTTP\/1\.1 201 /)
  assert.doesNotMatch(first, /last/)
  more?.()
  assert.equal((await lab.recorded(1)).outcome.responseBytes, 13)
})

test('a body that is replaced does not wait for the upstream’s, and its connection does not stay for ever', async (t) => {
  let isClosed = false
  const { ask, lab } = await overriding(
    t,
    (port) => ({ requestOverride: { socketAddress: to(port) }, responseOverride: { body: '<mine>' } }),
    (incoming, answer) => {
      incoming.socket.once('close', () => {
        isClosed = true
        watch?.()
      })
      const pour = (): void => {
        while (!isClosed && answer.write(Buffer.alloc(65536)));
        if (!isClosed) answer.once('drain', pour)
      }
      pour()
    },
  )
  let watch: (() => void) | undefined
  assert.match(await ask(request('GET /')), /\r\n\r\n<mine>$/)
  assert.equal((await lab.recorded(1)).outcome.responseBytes, 6)
  if (!isClosed) {
    await new Promise<void>((resolve) => {
      watch = resolve
    })
  }
})

test('an upstream that refuses is told as for any other request, whatever the override of the answer', async (t) => {
  const { port } = await closedPort(t)
  const { ask, lab } = await overriding(t, () => ({
    requestOverride: { socketAddress: to(port) },
    responseOverride: { statusCode: 201, body: '<x>' },
  }))
  assert.match(await ask(request('GET /'), /\n$/), /^HTTP\/1\.1 502 [\s\S]*x-understudy-reason: upstream_refused/)
  const { outcome } = await lab.recorded(1)
  assert.deepEqual([outcome.status, outcome.fault], [502, 'upstream_refused'])
})

test('an answer that breaks off after its head was changed is reset', async (t) => {
  const { ask, lab } = await overriding(
    t,
    (port) => ({ requestOverride: { socketAddress: to(port) }, responseOverride: { statusCode: 201 } }),
    (incoming, answer) => {
      answer.writeHead(200, { 'content-length': '100' })
      answer.write('<half>', () => incoming.socket.destroy())
    },
  )
  await ask(request('GET /'), /201/).catch(() => undefined)
  const { outcome } = await lab.recorded(1)
  assert.equal(outcome.status, 201)
  assert.match(String(outcome.fault), /^upstream_/)
})

test('requests of one connection are changed one after the other', async (t) => {
  const { ask, seen, lab } = await overriding(t, (port) => ({
    requestOverride: { socketAddress: to(port) },
    responseOverride: { body: '<mine>' },
  }))
  await ask(request('GET /1') + request('GET /2') + request('GET /3'), /(?:<mine>[\s\S]*){3}/)
  assert.deepEqual(
    seen.map(({ line }) => line),
    ['GET /1', 'GET /2', 'GET /3'],
  )
  await lab.recorded(3)
})

test('a client that waits for 100 is answered though its body is not wanted', async (t) => {
  const { ask, seen } = await overriding(t, (port) => ({ requestOverride: { socketAddress: to(port), body: 'mine' } }))
  await ask(request('POST /', 'Expect: 100-continue', 'Content-Length: 5'))
  assert.deepEqual([seen[0]?.body, seen[0]?.headers['expect']], ['mine', undefined])
})

test('JSON of an answer is patched, whether it is the upstream’s or ours', async (t) => {
  const patches = { jsonPatch: [{ op: 'add', path: '/b', value: 2 }], jsonMergePatch: { a: null } }
  const theirs = await overriding(t, (port) => ({
    requestOverride: { socketAddress: to(port) },
    responseModifier: patches,
  }))
  assert.match(await theirs.ask(request('GET /', 'Accept-Encoding: gzip')), /content-length: 7\r\n[\s\S]*\{"b":2\}$/)
  assert.equal(theirs.seen[0]?.headers['accept-encoding'], 'identity')
  const ours = await overriding(t, (port) => ({
    requestOverride: { socketAddress: to(port) },
    responseOverride: { body: { a: 1, c: 3 } },
    responseModifier: patches,
  }))
  assert.match(await ours.ask(request('GET /')), /\{"c":3,"b":2\}$/)
})

const withFallback = async (t: TestContext, fallback: object, status: number, port?: number) => {
  const upstream = await httpUpstream(t, (_, answer) => answer.writeHead(status).end('<theirs>'))
  const httpForward = { host: '127.0.0.1', port: port ?? upstream.endpoint.port }
  const fallbackResponse = { statusCode: 299, body: '<ours>' }
  const action = { httpForwardWithFallback: { httpForward, fallbackResponse, ...fallback } }
  const lab = await startPlane(t, { saved: NOWHERE, expectations: [{ httpRequest: {}, ...action }] })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  const text = await client.got(/[>\n]$/)
  const { outcome } = await lab.recorded(1)
  return [Number(text.slice(9, 12)), /<(.*)>/.exec(text)?.[1], outcome.status, outcome.fault]
}

test('a fallback stands in for a server that answers 5xx, or for the statuses that are given', async (t) => {
  assert.deepEqual(await withFallback(t, {}, 200), [200, 'theirs', 200, undefined])
  assert.deepEqual(await withFallback(t, {}, 503), [299, 'ours', 299, undefined])
  assert.deepEqual(await withFallback(t, {}, 404), [404, 'theirs', 404, undefined])
  assert.deepEqual(await withFallback(t, { fallbackOnStatusCodes: [404] }, 404), [299, 'ours', 299, undefined])
  assert.deepEqual(await withFallback(t, { fallbackOnStatusCodes: [404] }, 503), [503, 'theirs', 503, undefined])
})

test('a fallback stands in for a server that cannot be reached, unless it is not to', async (t) => {
  const { port } = await closedPort(t)
  assert.deepEqual(await withFallback(t, {}, 200, port), [299, 'ours', 299, 'upstream_refused'])
  assert.deepEqual(await withFallback(t, { fallbackOnTimeout: false }, 200, port), [
    502,
    undefined,
    502,
    'upstream_refused',
  ])
})
