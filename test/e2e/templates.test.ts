/** Templates through `serve`, put by the npm client of MockServer and by hand; shapes of templates as its documents have them. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { mockServerClient } from 'mockserver-client'
import { parse } from 'yaml'
import { type ControlLab, startControl } from '../support/control-lab.ts'

type TemplateType = 'VELOCITY' | 'MUSTACHE' | 'JAVASCRIPT'

const start = async (
  t: TestContext,
  templateType: TemplateType,
  template: string,
  httpRequest: object = { path: '/t.*' },
): Promise<ControlLab> => {
  const lab = await startControl(t)
  await mockServerClient('127.0.0.1', lab.port).mockAnyResponse({
    httpRequest,
    httpResponseTemplate: { templateType, template },
  })
  return lab
}

const ORDER = {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'X-Trace': 't1' },
  body: { id: 7, lines: [{ sku: 'a' }, { sku: 'b' }] },
}

test('a Velocity template answers with status, headers and a body of its own', async (t) => {
  const template = `#set($order = $json.parse($!request.body))
    #if($request.method == 'POST')
    { 'statusCode': 201, 'headers': { 'X-Trace': ['$!request.headers['X-Trace'][0]'] },
      'body': "order $order.id: #foreach($l in $order.lines)$l.sku#if($foreach.hasNext), #end#end" }
    #else
    { 'statusCode': 405 }
    #end`
  const { ask } = await start(t, 'VELOCITY', template)
  const answer = await ask('/t', ORDER)
  assert.deepEqual([answer.status, answer.headers['x-trace'], answer.body], [201, 't1', 'order 7: a, b'])
  assert.equal((await ask('/t')).status, 405)
})

test('a Mustache template answers, with values out of the path', async (t) => {
  const template = `{ 'statusCode': 200, 'body': { 'id': '{{ request.pathParameters.id.0 }}', 'first': '{{#jsonPath}}$.lines[0].sku{{/jsonPath}}{{jsonPathResult}}' } }`
  const { ask } = await start(t, 'MUSTACHE', template, { path: '/t/{id}', pathParameters: { id: '[0-9]+' } })
  const answer = await ask('/t/42', ORDER)
  assert.deepEqual(JSON.parse(answer.body), { id: '42', first: 'a' })
  assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
})

test('a JavaScript template answers, one request after the other and several at once', async (t) => {
  const template = `var order = request.body ? JSON.parse(request.body) : { id: 0 };
    return { statusCode: 200 + order.id, headers: { 'X-Trace': request.headers['x-trace'] || ['none'] }, body: JSON.stringify({ path: request.path }) };`
  const { ask } = await start(t, 'JAVASCRIPT', template)
  const answer = await ask('/t', ORDER)
  assert.deepEqual([answer.status, answer.headers['x-trace'], answer.body], [207, 't1', '{"path":"/t"}'])
  const many = await Promise.all(Array.from({ length: 20 }, (_, at) => ask(`/t${at}`)))
  assert.deepEqual(
    many.map(({ body }) => body),
    many.map((_, at) => `{"path":"/t${at}"}`),
  )
})

test('what is rendered is checked like a response that was written, and a failure is told in words', async (t) => {
  const { ask, put } = await startControl(t)
  const failing: Readonly<Record<string, readonly [TemplateType, string, RegExp]>> = {
    '/schema': [
      'VELOCITY',
      "{ 'statusCode': 20, 'bodi': 'x' }",
      /statusCode: expected at least 200.*bodi: unknown key; did you mean "body"\?/,
    ],
    '/json': [
      'MUSTACHE',
      "{ 'body': {{request.path}} }",
      /what the template renders is not JSON: line 1: expected a value, got "\/json }"/,
    ],
    '/thrown': ['JAVASCRIPT', "throw new Error('so')", /the template throws Error: so \(line 1\)/],
    '/loop': ['JAVASCRIPT', 'for (;;) {}', /the template takes longer than (?:500|1000) ms/],
    '/large': ['VELOCITY', `#foreach($i in [1..99999])${'x'.repeat(2000)}#end`, /too many steps|characters of text/],
  }
  for (const [path, [templateType, template]] of Object.entries(failing)) {
    assert.equal(
      (await put('expectation', { httpRequest: { path }, httpResponseTemplate: { templateType, template } })).status,
      201,
    )
  }
  await put('expectation', { httpRequest: { path: '/fine' }, httpResponse: { body: 'fine' } })
  for (const [path, [, , message]] of Object.entries(failing)) {
    const [answer, other] = await Promise.all([ask(path), ask('/fine')])
    assert.equal(answer.status, 500)
    assert.equal(answer.headers['x-understudy-reason'], 'template_failed')
    assert.match(answer.body, message)
    assert.equal(other.body, 'fine')
  }
})

test('a template that cannot be compiled is refused with its line, and nothing is stored', async (t) => {
  const { put, putJson } = await startControl(t)
  const refused = async (templateType: string, template: unknown) => {
    const answer = await put('expectation', { httpResponseTemplate: { templateType, template } })
    assert.equal(answer.status, 400)
    return answer.body
  }
  assert.match(
    await refused('VELOCITY', 'a\n#if($x)'),
    /\$\.httpResponseTemplate\.template: not a valid Velocity template: line 2: #if without #end/,
  )
  assert.match(await refused('MUSTACHE', '{{#a}}'), /line 1: \{\{#a\}\} is not closed/)
  assert.match(await refused('JAVASCRIPT', 'return {\n'), /not a valid JavaScript template: line \d: /)
  assert.match(await refused('GROOVY', 'x'), /\$\.httpResponseTemplate\.templateType: /)
  assert.deepEqual(await putJson('retrieve?type=ACTIVE_EXPECTATIONS'), [])
})

test('the delays of the action and of the response both pass, and HEAD has no body', async (t) => {
  const { ask, put } = await startControl(t)
  const delay = { timeUnit: 'MILLISECONDS', value: 3 }
  const template = `{ 'body': 'late', 'delay': ${JSON.stringify(delay)} }`
  await put('expectation', { httpResponseTemplate: { templateType: 'VELOCITY', template, delay } })
  assert.equal((await ask('/t')).body, 'late')
  const head = await ask('/t', { method: 'HEAD' })
  assert.deepEqual([head.headers['content-length'], head.body], ['4', ''])
})

test('what was rendered is in the log', async (t) => {
  const { ask, putJson } = await start(t, 'JAVASCRIPT', "return { body: 'made of ' + request.path }")
  await ask('/t', ORDER)
  const [entry] = (await putJson('retrieve?type=REQUEST_RESPONSES')) as {
    httpRequest: object
    httpResponse: { body: unknown }
  }[]
  assert.equal(entry?.httpResponse.body, 'made of /t')
})

test('a body that is larger than what is kept is told, not taken for an empty one', async (t) => {
  const { ask, put } = await startControl(t, { bodyMatchBytes: 1024 })
  await put('expectation', { httpResponseTemplate: { templateType: 'MUSTACHE', template: '{ "body": "x" }' } })
  const answer = await ask('/t', { method: 'POST', body: 'x'.repeat(4096) })
  assert.equal(answer.status, 500)
  assert.match(answer.body, /the body of the request is larger than what is kept of one/)
})

test('a client that goes while its template is rendered hurts nobody', async (t) => {
  const { ask, port } = await start(t, 'JAVASCRIPT', "if (request.path === '/t1') for (;;) {}\nreturn { body: 'fine' }")
  const socket = connect(port, '127.0.0.1')
  socket.write('GET /t1 HTTP/1.1\r\nhost: a\r\n\r\n')
  await once(socket, 'connect')
  socket.destroy()
  assert.equal((await ask('/t2')).body, 'fine')
})

/** Answers with what it was asked. */
const startEcho = async (t: TestContext): Promise<number> => {
  const server = createServer(async (incoming: IncomingMessage, response) => {
    let body = ''
    for await (const chunk of incoming) body += chunk
    const { method, url, headers } = incoming
    response.end(JSON.stringify({ method, url, headers, body }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

test('a forward template makes the request that another server gets', async (t) => {
  const { ask, put } = await startControl(t)
  const port = await startEcho(t)
  const template = `return {
    socketAddress: { host: '127.0.0.1', port: ${port}, scheme: 'HTTP' },
    method: 'PUT',
    path: '/prefix' + request.path,
    queryStringParameters: { q: ['1 2'] },
    headers: { 'X-Trace': request.headers['x-trace'], 'Content-Type': ['text/plain'] },
    cookies: { a: 'b' },
    body: 'was ' + JSON.parse(request.body).id,
  }`
  await put('expectation', {
    httpRequest: { path: '/f' },
    httpForwardTemplate: { templateType: 'JAVASCRIPT', template },
  })
  const answer = await ask('/f', ORDER)
  assert.equal(answer.status, 200)
  const { method, url, headers, body } = JSON.parse(answer.body)
  assert.deepEqual([method, url, body], ['PUT', '/prefix/f?q=1%202', 'was 7'])
  const { host, cookie, 'x-trace': trace, 'content-length': length } = headers
  assert.deepEqual([host, cookie, trace, length], [`127.0.0.1:${port}`, 'a=b', 't1', '5'])
})

test('what a forward template leaves out is as the client sent it', async (t) => {
  const { ask, put } = await startControl(t)
  const port = await startEcho(t)
  const template = `{ 'headers': { 'Host': ['127.0.0.1:${port}'], 'X-Path': ['$request.path'] } }`
  await put('expectation', { httpForwardTemplate: { templateType: 'VELOCITY', template } })
  const { method, url, headers, body } = JSON.parse((await ask('/g?a=1', { ...ORDER, body: 'text' })).body)
  assert.deepEqual([method, url, headers['x-path'], body], ['POST', '/g?a=1', '/g', 'text'])
})

test('a forward template that names nobody, where nobody knows either, is refused', async (t) => {
  const { ask, put } = await startControl(t)
  await put('expectation', { httpForwardTemplate: { templateType: 'MUSTACHE', template: "{ 'path': '/x' }" } })
  const answer = await ask('/g')
  assert.deepEqual([answer.status, answer.headers['x-understudy-reason']], [502, 'no_destination'])
})

test('the templates that the client writes for MCP answer with the id of the call', async (t) => {
  const { ask, port } = await startControl(t)
  await mockServerClient('127.0.0.1', port).mcpMock('/mcp').applyTo()
  const body = { jsonrpc: '2.0', id: 'one', method: 'ping' }
  const answer = await ask('/mcp', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  assert.deepEqual(JSON.parse(answer.body), { jsonrpc: '2.0', result: {}, id: 'one' })
})

test('the examples answer as they are written', async (t) => {
  const { ask, put } = await startControl(t)
  await put('expectation', parse(readFileSync('examples/templates.yaml', 'utf8')))
  assert.equal(JSON.parse((await ask('/orders/7')).body).id, 7)
  const made = await ask('/orders', { method: 'POST', body: { lines: [{ sku: 'a' }, { sku: 'b' }] } })
  assert.deepEqual([made.status, made.body], [201, 'a, b'])
  assert.match(String(made.headers.location), /^\/orders\/\d+$/)
  const total = await ask('/total', { method: 'POST', body: { lines: [{ price: 2.5, count: 2 }] } })
  assert.deepEqual(JSON.parse(total.body), { total: 5 })
})
