/** Responses that are sent in another way than usual: what is on the wire, and what becomes of the connection. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type ControlLab, startControl } from '../support/control-lab.ts'
import { get, type RawConnection, rawConnection } from '../support/raw-answer.ts'

const BODY = '0123456789'

const start = async (t: TestContext, httpResponse: object): Promise<ControlLab> => {
  const lab = await startControl(t)
  const put = await lab.put('expectation', [
    { httpRequest: { path: '/it' }, httpResponse: { body: BODY, ...httpResponse } },
    { httpRequest: { path: '/next' }, httpResponse: { body: 'next' } },
  ])
  assert.equal(put.status, 201, put.body)
  return lab
}

const options = (connectionOptions: object) => ({ connectionOptions })

/** The answer to one request, up to and with `end`, on a connection that stays open. */
const answer = async (t: TestContext, httpResponse: object, end: string): Promise<[string, RawConnection]> => {
  const { port } = await start(t, httpResponse)
  const connection = rawConnection(t, port, get('/it'))
  return [await connection.until((text) => text.endsWith(end)), connection]
}

/** Asks once more on the same connection, and gives what comes on top. */
const next = async ({ socket, text, until }: RawConnection): Promise<string> => {
  socket.write(get('/next'))
  return (await until((all) => all.endsWith('\r\n\r\nnext'))).slice(text.length)
}

const NEXT = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnext'

test('each cookie is a Set-Cookie of its own, as it was given, and none is sent twice', async (t) => {
  const cookies = [
    { name: 'a', value: '1' },
    { name: 'b', value: '2; Path=/; HttpOnly' },
    { name: 'c', value: '3' },
  ]
  const [text] = await answer(t, { cookies, headers: { 'set-cookie': ['c=3'] } }, BODY)
  assert.equal(
    text,
    'HTTP/1.1 200 OK\r\nset-cookie: c=3\r\nset-cookie: a=1\r\nset-cookie: b=2; Path=/; HttpOnly\r\n' +
      `content-length: 10\r\n\r\n${BODY}`,
  )
})

test('trailers follow a body in chunks, and are announced', async (t) => {
  const [text, connection] = await answer(t, { trailers: { 'x-t': ['1', '2'], 'x-u': '3' } }, '3\r\n\r\n')
  assert.equal(
    text,
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-t, x-u\r\n\r\n' +
      `a\r\n${BODY}\r\n0\r\nx-t: 1\r\nx-t: 2\r\nx-u: 3\r\n\r\n`,
  )
  assert.equal(await next(connection), NEXT)
})

test('a chunk size cuts the body, and leaves the connection open', async (t) => {
  const [text, connection] = await answer(t, options({ chunkSize: 4 }), '0\r\n\r\n')
  assert.equal(
    text,
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n0123\r\n4\r\n4567\r\n2\r\n89\r\n0\r\n\r\n',
  )
  assert.equal(await next(connection), NEXT)
})

test('a chunk size of 0 is one chunk, and chunks go before any length', async (t) => {
  const [text] = await answer(t, options({ chunkSize: 0, contentLengthHeaderOverride: 4 }), '0\r\n\r\n')
  assert.equal(text, `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n${BODY}\r\n0\r\n\r\n`)
})

test('chunks with a delay between them come one after the other', async (t) => {
  const chunkDelay = { timeUnit: 'MILLISECONDS', value: 2 }
  const { port } = await start(t, options({ chunkSize: 4, chunkDelay }))
  const connection = rawConnection(t, port, get('/it'))
  const reads: string[] = []
  connection.socket.on('data', (chunk) => reads.push(String(chunk)))
  await connection.until((text) => text.endsWith('0\r\n\r\n'))
  assert.equal(reads.length, 3, JSON.stringify(reads))
  assert.equal(reads[1], '4\r\n4567\r\n')
  assert.equal(await next(connection), NEXT)
})

test('a client that goes between two chunks ends them', async (t) => {
  const chunkDelay = { timeUnit: 'DAYS', value: 1 }
  const { port, putJson, ask } = await start(t, options({ chunkSize: 4, chunkDelay }))
  const connection = rawConnection(t, port, get('/it'))
  await connection.until((text) => text.endsWith('0123\r\n'))
  connection.socket.destroy()
  assert.equal((await ask('/next')).body, 'next')
  const pairs = (await putJson('retrieve?type=REQUEST_RESPONSES', { path: '/it' })) as { httpResponse: object }[]
  assert.equal(pairs.length, 1)
})

test('a client that speaks HTTP/1.0 gets no chunks', async (t) => {
  const { port } = await start(t, { trailers: { 'x-t': '1' }, ...options({ chunkSize: 3 }) })
  const text = await rawConnection(t, port, 'GET /it HTTP/1.0\r\n\r\n').ended()
  assert.equal(text, `HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\n${BODY}`)
})

test('a length may be left out or wrong, and the connection stays', async (t) => {
  for (const [given, line] of [
    [{ suppressContentLengthHeader: true }, ''],
    [{ contentLengthHeaderOverride: 50 }, 'content-length: 50\r\n'],
    [{ contentLengthHeaderOverride: 0 }, 'content-length: 0\r\n'],
    [{ contentLengthHeaderOverride: -1 }, 'content-length: -1\r\n'],
    [{ suppressContentLengthHeader: true, contentLengthHeaderOverride: 3 }, 'content-length: 3\r\n'],
  ] as const) {
    const [text, connection] = await answer(t, options(given), BODY)
    assert.equal(text, `HTTP/1.1 200 OK\r\n${line}\r\n${BODY}`)
    assert.equal(await next(connection), NEXT)
  }
})

test('what Connection says and what becomes of the connection are two things', async (t) => {
  const [said, connection] = await answer(t, options({ keepAliveOverride: false }), BODY)
  assert.equal(said, `HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\n${BODY}`)
  assert.equal(await next(connection), NEXT)
  const { port } = await start(t, options({ keepAliveOverride: true }))
  const ended = await rawConnection(t, port, get('/it', 'connection: close')).ended()
  assert.equal(ended, `HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: keep-alive\r\n\r\n${BODY}`)
})

test('Connection may be left out where it would be said', async (t) => {
  const { port } = await start(t, options({ suppressConnectionHeader: true }))
  const text = await rawConnection(t, port, get('/it', 'connection: close')).ended()
  assert.equal(text, `HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n${BODY}`)
})

test('a socket is closed after the response, at once or later, though the client would keep it', async (t) => {
  for (const given of [
    { closeSocket: true },
    { closeSocket: true, closeSocketDelay: { timeUnit: 'MILLISECONDS', value: 3 } },
    { closeSocket: true, suppressContentLengthHeader: true },
  ]) {
    const { port } = await start(t, options(given))
    const text = await rawConnection(t, port, get('/it')).ended()
    assert.ok(text.endsWith(`\r\n\r\n${BODY}`), text)
  }
})

test('a socket that is not to be closed outlives the answer to a client that would close it', async (t) => {
  const { port } = await start(t, options({ closeSocket: false }))
  const connection = rawConnection(t, port, get('/it', 'connection: close'))
  await connection.until((text) => text.endsWith(BODY))
  assert.equal(await next(connection), NEXT)
})

test('a HEAD request gets the headers of what it would get, and nothing else', async (t) => {
  const { port } = await start(t, options({ chunkSize: 4 }))
  const connection = rawConnection(t, port, get('/it').replace('GET', 'HEAD'))
  await connection.until((text) => text.endsWith('\r\n\r\n'))
  assert.equal(connection.text, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
  assert.equal(await next(connection), NEXT)
})

test('an answer without a body has no framing, but for what was asked for', async (t) => {
  const [text] = await answer(t, { statusCode: 204, ...options({ chunkSize: 4 }) }, '\r\n\r\n')
  assert.equal(text, 'HTTP/1.1 204 No Content\r\n\r\n')
})

test('framing that is wrong on purpose leaves other connections alone', async (t) => {
  const { port, ask } = await start(t, options({ contentLengthHeaderOverride: 3 }))
  const others = Array.from({ length: 4 }, () => rawConnection(t, port, get('/it')))
  await Promise.all(others.map(({ until }) => until((text) => text.endsWith(BODY))))
  for (const other of others) assert.equal(await next(other), NEXT)
  assert.equal((await ask('/next')).body, 'next')
})

test('the log shows the response that was meant, whatever its framing', async (t) => {
  const { port, putJson } = await start(t, {
    trailers: { 'x-t': '1' },
    ...options({ chunkSize: 4, closeSocket: true }),
  })
  await rawConnection(t, port, get('/it')).ended()
  const [pair] = (await putJson('retrieve?type=REQUEST_RESPONSES')) as { httpResponse: unknown }[]
  const headers = { 'content-length': ['10'] }
  assert.deepEqual(pair?.httpResponse, { body: BODY, headers, reasonPhrase: 'OK', statusCode: 200 })
})
