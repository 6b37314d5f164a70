/** Requests that an expectation changes on their way to a real upstream. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAuthority, httpsUpstream } from '../support/certificates.ts'
import { startControl } from '../support/control-lab.ts'
import { NOWHERE, overriding, plainAnswer, to } from '../support/overriding.ts'
import { httpUpstream, rawClient, request, startPlane } from '../support/plane-lab.ts'

test('parts of the request are replaced, the rest stays as it was sent', async (t) => {
  const { ask, seen, port } = await overriding(t, (port) => ({
    requestOverride: {
      socketAddress: to(port),
      method: 'PUT',
      path: '/new',
      queryStringParameters: { q: ['9', '10'], z: ['a b&c'] },
      headers: { 'x-a': ['9', '10'], 'x-new': 'n' },
      cookies: { s: '9', u: '3' },
      body: { x: 1 },
    },
  }))
  await ask(request('GET /old?q=1&r=%41+b&q=3', 'X-A: 1', 'X-B: 2', 'Cookie: s=1; t=2'))
  assert.equal(seen[0]?.line, 'PUT /new?q=9&q=10&r=%41+b&z=a%20b%26c')
  assert.equal(seen[0].body, '{\n  "x" : 1\n}')
  const { headers } = seen[0]
  assert.deepEqual(
    ['host', 'x-a', 'x-b', 'x-new', 'cookie', 'content-type', 'content-length', 'transfer-encoding'].map(
      (name) => headers[name],
    ),
    [`127.0.0.1:${port}`, '9, 10', '2', 'n', 's=9; t=2; u=3', 'application/json; charset=utf-8', '13', undefined],
  )
})

test('the form of older clients does the same', async (t) => {
  const { ask, seen } = await overriding(t, (port) => ({
    httpRequest: { socketAddress: to(port), path: '/legacy' },
    httpResponse: { statusCode: 201, body: '<hey>', headers: { 'x-up': 'z' } },
  }))
  const text = await ask(request('GET /old?a=1'))
  assert.equal(seen[0]?.line, 'GET /legacy?a=1')
  assert.match(text, /^HTTP\/1\.1 201 Created\r\n[\s\S]*x-up: z\r\n[\s\S]*\r\n\r\n<hey>$/)
})

test('a modifier replaces what is there, adds, and then removes', async (t) => {
  const { ask, seen } = await overriding(t, (port) => ({
    requestOverride: { socketAddress: to(port) },
    requestModifier: {
      path: { regex: '^/(.+)/(.+)$', substitution: '/p/$1/i/$2' },
      queryStringParameters: { add: { q: ['5'], n: ['6'] }, replace: { R: ['x', 'y'], nope: ['1'] }, remove: ['gone'] },
      headers: { add: { 'x-a': ['2'], 'x-q': '1' }, replace: { 'x-b': ['7'], 'x-nope': '1' }, remove: ['X-Q', 'x-c'] },
      cookies: { add: { s: '5', n: '6' }, replace: { t: 'x', nope: '1' }, remove: ['gone'] },
    },
  }))
  await ask(request('GET /some/path?q=1&r=2&gone=1', 'X-A: 1', 'X-B: 2', 'X-C: 3', 'Cookie: s=1; t=2; gone=1'))
  assert.equal(seen[0]?.line, 'GET /p/some/i/path?q=1&R=x&R=y&q=5&n=6')
  const { headers } = seen[0]
  assert.deepEqual(
    ['x-a', 'x-b', 'x-c', 'x-q', 'x-nope', 'cookie'].map((name) => headers[name]),
    ['1, 2', '7', undefined, undefined, undefined, 's=5; t=x; n=6'],
  )
})

test('a body that is replaced takes nothing of the old one with it', async (t) => {
  const { ask, seen } = await overriding(t, (port) => ({
    requestOverride: { socketAddress: to(port), body: 'new' },
  }))
  await ask(`${request('POST /a', 'Content-Encoding: gzip', 'Transfer-Encoding: chunked')}3\r\nold\r\n0\r\n\r\n`)
  const { headers, body } = seen[0] ?? {}
  assert.equal(body, 'new')
  assert.deepEqual(
    [headers?.['content-encoding'], headers?.['content-length'], headers?.['transfer-encoding']],
    [undefined, '3', undefined],
  )
})

test('an empty body in place of another is empty', async (t) => {
  const { ask, seen } = await overriding(t, (port) => ({ requestOverride: { socketAddress: to(port), body: '' } }))
  await ask(`${request('POST /a', 'Content-Length: 3')}old`)
  assert.deepEqual([seen[0]?.body, seen[0]?.headers['content-length']], ['', '0'])
})

test('a body that is left alone streams through, however large', async (t) => {
  const { ask, seen } = await overriding(t, (port) => ({ requestOverride: { socketAddress: to(port), path: '/b' } }))
  const body = 'x'.repeat(3_000_000)
  await ask(request('POST /a', `Content-Length: ${body.length}`) + body)
  assert.deepEqual([seen[0]?.line, seen[0]?.body.length], ['POST /b', body.length])
})

test('without a socket address, the Host of the override says where it goes', async (t) => {
  const { ask, seen, lab, port } = await overriding(t, (port) => ({
    requestOverride: { headers: { Host: `127.0.0.1:${port}` } },
  }))
  await ask(request('GET /', 'Host: elsewhere.test'))
  assert.equal(seen[0]?.headers['host'], `127.0.0.1:${port}`)
  assert.deepEqual((await lab.recorded(1)).decision.kind === 'forward', true)
})

test('a Host beside a socket address is what the server is told', async (t) => {
  const { ask, seen } = await overriding(t, (port) => ({
    requestOverride: { socketAddress: to(port), headers: { Host: 'virtual.test' } },
  }))
  await ask(request('GET /', 'Host: elsewhere.test'))
  assert.equal(seen[0]?.headers['host'], 'virtual.test')
})

test('with neither, it goes where it was going, and its Host stays', async (t) => {
  let port = 0
  const saved = await httpUpstream(t, (incoming, answer) => answer.end(`<${incoming.url} ${incoming.headers.host}>`))
  port = saved.endpoint.port
  const { ask, lab } = await overriding(t, () => ({ requestOverride: { path: '/changed' } }), plainAnswer, {
    saved: saved.endpoint,
  })
  assert.match(await ask(request('GET /', 'Host: original.test')), /<\/changed original\.test>$/)
  const { decision } = await lab.recorded(1)
  assert.deepEqual(decision.kind === 'forward' && decision.destination, { address: '127.0.0.1', port })
})

test('a proxy’s client is sent on to whom it named', async (t) => {
  const { ask, seen, port } = await overriding(t, () => ({ requestOverride: { path: '/changed' } }), plainAnswer, {
    direction: 'direct',
  })
  await ask(`GET http://127.0.0.1:${port}/old HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
  assert.equal(seen[0]?.line, 'GET /changed')
})

test('where nobody says where it goes, it is refused', async (t) => {
  const { lab, ask } = await overriding(t, () => ({ requestOverride: { path: '/x' } }), plainAnswer, {
    direction: 'direct',
  })
  const text = await ask(request('GET /', `Host: 127.0.0.1:${lab.port}`), /\n$/)
  assert.match(text, /^HTTP\/1\.1 502 [\s\S]*x-understudy-reason: no_destination/)
})

test('an override that names ourselves is refused, and goes round not even once', async (t) => {
  const { port, put, putJson, ask } = await startControl(t)
  const override = { requestOverride: { socketAddress: to(port) } }
  const expectation = { httpRequest: { path: '/round' }, httpOverrideForwardedRequest: override }
  assert.equal((await put('expectation', expectation)).status, 201)
  const { status, body } = await ask('/round')
  assert.equal(status, 502)
  assert.match(body, /upstream unreachable: 127\.0\.0\.1 port \d+ is understudy itself/)
  assert.equal(((await putJson('retrieve')) as unknown[]).length, 1)
})

test('the log has the request as the client sent it and the answer as the client got it', async (t) => {
  const upstream = await httpUpstream(t, plainAnswer)
  const { put, putJson, ask } = await startControl(t)
  const override = {
    requestOverride: { socketAddress: to(upstream.endpoint.port), path: '/new', body: 'new' },
    responseOverride: { statusCode: 201 },
  }
  await put('expectation', { httpRequest: { path: '/old' }, httpOverrideForwardedRequest: override })
  assert.equal((await ask('/old', { method: 'POST', body: 'old' })).status, 201)
  const [entry] = (await putJson('retrieve?type=REQUEST_RESPONSES')) as [Record<string, Record<string, unknown>>]
  assert.deepEqual([entry['httpRequest']?.['path'], entry['httpRequest']?.['body']], ['/old', 'old'])
  assert.deepEqual(entry['httpResponse']?.['statusCode'], 201)
})

test('a server asked by address may prove to be the Host that it is asked for', async (t) => {
  const authority = createAuthority(t)
  const { port } = await httpsUpstream(t, authority.issue('DNS:virtual.test'), (incoming, answer) =>
    answer.end(`<${incoming.headers.host} ${String(Reflect.get(incoming.socket, 'servername'))}>`),
  )
  const requestOverride = { socketAddress: to(port, 'HTTPS'), headers: { Host: 'virtual.test' } }
  const lab = await startPlane(t, {
    saved: NOWHERE,
    config: { upstreamTlsCaFile: authority.path },
    expectations: [{ httpRequest: {}, httpOverrideForwardedRequest: { requestOverride } }],
  })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  await client.got('<virtual.test virtual.test>')
})
