/** Bodies: every framing, both ways, whole and byte for byte, streamed and with back-pressure. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import {
  createWatch,
  httpUpstream,
  mockOf,
  rawClient,
  request,
  response,
  startPlane,
  tcpUpstream,
  within,
} from '../support/plane-lab.ts'

const MIB = 1024 * 1024

const read = async (stream: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

/** An upstream that keeps all it is sent as text, and answers each of its connections by hand. */
const scripted = async (t: Parameters<typeof tcpUpstream>[0]) => {
  const watch = createWatch()
  let text = ''
  const upstream = await tcpUpstream(t, (socket) => {
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      watch.changed()
    })
  })
  return {
    ...upstream,
    got: async (wanted: string | RegExp): Promise<string> => {
      const isIn = (): boolean => (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text))
      await watch.until(`the upstream to get ${wanted}`, isIn)
      return text
    },
  }
}

test('a chunked request body goes on as it comes, before its last chunk has been sent', async (t) => {
  const upstream = await scripted(t)
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(`${request('POST /', 'Transfer-Encoding: chunked')}5\r\nfirst\r\n`)
  assert.match(await upstream.got('first'), /transfer-encoding: chunked/i)
  client.send('6\r\nsecond\r\n')
  await upstream.got('second')
  client.send('0\r\n\r\n')
  await upstream.got('0\r\n\r\n')
  ;(await upstream.connection(1)).write(response('done'))
  await client.got('done')
  const { outcome } = await lab.recorded(1)
  assert.equal(outcome.requestBytes, 11)
  assert.equal(outcome.responseBytes, 4)
})

test('a chunked answer goes on as it comes, before its last chunk has been sent', async (t) => {
  const upstream = await scripted(t)
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  const socket = await upstream.connection(1)
  await upstream.got('\r\n\r\n')
  socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
  await client.got('\r\n\r\n')
  socket.write('5\r\nfirst\r\n')
  await client.got('5\r\nfirst\r\n')
  socket.write('6\r\nsecond\r\n0\r\n\r\n')
  await client.got(/6\r\nsecond\r\n0\r\n\r\n$/)
  assert.equal((await lab.recorded(1)).outcome.responseBytes, 11)
})

test('the head of an answer goes on before there is any body', async (t) => {
  const upstream = await scripted(t)
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  const socket = await upstream.connection(1)
  await upstream.got('\r\n\r\n')
  socket.write('HTTP/1.1 200 OK\r\nX-Early: yes\r\nContent-Length: 2\r\n\r\n')
  await client.got('X-Early: yes')
  socket.write('ok')
  await client.got(/ok$/)
})

test('trailers of an answer reach the client', async (t) => {
  const upstream = await httpUpstream(t, (_, outgoing) => {
    outgoing.writeHead(200, { trailer: 'x-sum' })
    outgoing.write('body')
    outgoing.addTrailers({ 'x-sum': '42' })
    outgoing.end()
  })
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  await client.got(/body\r\n0\r\nx-sum: 42\r\n\r\n$/)
})

test('announced trailers of a request reach the upstream', async (t) => {
  const upstream = await scripted(t)
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(`${request('POST /', 'Transfer-Encoding: chunked', 'Trailer: X-Sum')}4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n`)
  const text = await upstream.got(/0\r\nX-Sum: 42\r\n\r\n$/)
  assert.match(text, /trailer: X-Sum/i)
  ;(await upstream.connection(1)).write(response('done'))
  await client.got('done')
})

for (const method of ['POST', 'DELETE', 'GET'])
  test(`a ${method} with Content-Length: 0 is forwarded and mocked, and the connection is kept`, async (t) => {
    const upstream = await httpUpstream(t, async (incoming, outgoing) => outgoing.end(`[${await read(incoming)}]`))
    const body = { type: 'STRING', string: 'never' }
    const lab = await startPlane(t, {
      saved: upstream.endpoint,
      expectations: [mockOf('/m', 'mock'), mockOf('/f', 'never', {}, { body })],
    })
    const client = await rawClient(t, lab.port)
    client.send(request(`${method} /f`, 'Content-Length: 0'))
    await client.got('[]')
    client.send(request(`${method} /m`, 'Content-Length: 0'))
    await client.got(/mock$/)
    await lab.recorded(2)
  })

test('HEAD gets the head of a forwarded and of a mocked answer, without a body', async (t) => {
  const upstream = await httpUpstream(t, (_, outgoing) => outgoing.writeHead(200, { 'content-length': 4 }).end())
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mocked')] })
  const client = await rawClient(t, lab.port)
  client.send(request('HEAD /m') + request('HEAD /f') + request('GET /m'))
  const text = await client.got(/mocked$/)
  assert.match(text, /content-length: 6\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*content-length: 4\r\n[\s\S]*\r\n\r\nHTTP/i)
  await lab.recorded(3)
  assert.deepEqual(
    lab.exchanges.map(({ outcome }) => outcome.responseBytes),
    [0, 0, 6],
  )
})

test('a refused HEAD has no body', async (t) => {
  const lab = await startPlane(t, { config: { onUnmatched: 'refuse' } })
  const client = await rawClient(t, lab.port)
  client.send(request('HEAD /', 'Connection: close'))
  assert.match((await client.ended()).text, /404[\s\S]*\r\n\r\n$/)
  assert.equal((await lab.recorded(1)).outcome.responseBytes, 0)
})

for (const status of [204, 304])
  test(`${status} has no body, and the next answer follows it`, async (t) => {
    const upstream = await httpUpstream(t, (incoming, outgoing) => {
      outgoing.writeHead(incoming.url === '/' ? status : 200).end(incoming.url === '/' ? undefined : 'next')
    })
    const mocked = { httpRequest: { path: '/m' }, httpResponse: { statusCode: status } }
    const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mocked] })
    const client = await rawClient(t, lab.port)
    client.send(request('GET /') + request('GET /m') + request('GET /next'))
    const text = await client.got('next')
    assert.deepEqual(text.match(/HTTP\/1\.1 (\d+)/g), [`HTTP/1.1 ${status}`, `HTTP/1.1 ${status}`, 'HTTP/1.1 200'])
    assert.doesNotMatch(text.slice(0, text.lastIndexOf('HTTP/1.1')), /transfer-encoding/i)
    await lab.recorded(3)
  })

test('an answer that runs until the close is chunked for the client, whose connection is kept', async (t) => {
  const upstream = await tcpUpstream(t, (socket) =>
    socket.on('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nuntil here')),
  )
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  await client.got(/until here\r\n0\r\n\r\n$/)
  client.send(request('GET /'))
  await client.got(/(?:until here\r\n0\r\n\r\n[\s\S]*){2}$/)
  await lab.recorded(2)
})

/** Reads a body to its end and gives its length and digest. */
const digest = async (stream: AsyncIterable<Buffer>): Promise<string> => {
  const hash = createHash('sha256')
  let length = 0
  for await (const chunk of stream) {
    hash.update(chunk)
    length += chunk.length
  }
  return `${length} ${hash.digest('hex')}`
}

test('50 MB go up and 50 MB come down, byte for byte', async (t) => {
  const block = randomBytes(MIB)
  const total = 50
  const wanted = await digest(
    (async function* () {
      for (let i = 0; i < total; i++) yield block
    })(),
  )
  let uploaded = ''
  const upstream = await httpUpstream(t, async (incoming, outgoing) => {
    uploaded = await digest(incoming)
    for (let i = 0; i < total; i++) if (!outgoing.write(block)) await once(outgoing, 'drain')
    outgoing.end()
  })
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const agent = new Agent({ keepAlive: false })
  const outgoing = httpRequest({ port: lab.port, method: 'POST', path: '/', agent })
  const answered = once(outgoing, 'response')
  for (let i = 0; i < total; i++) if (!outgoing.write(block)) await once(outgoing, 'drain')
  outgoing.end()
  const [incoming] = (await within('the answer', answered)) as [IncomingMessage]
  assert.equal(await digest(incoming), wanted)
  assert.equal(uploaded, wanted)
  const { outcome } = await lab.recorded(1)
  assert.equal(outcome.requestBytes, total * MIB)
  assert.equal(outcome.responseBytes, total * MIB)
})

/** Writes until the socket has not taken anything for a while of turns; gives how much it took. */
const fill = async (socket: Socket, block: Buffer, most: number): Promise<number> => {
  let written = 0
  let idleTurns = 0
  let before = -1
  while (written < most && idleTurns < 300) {
    if (!socket.writableNeedDrain) {
      socket.write(block)
      written += block.length
    }
    await new Promise((resolve) => setImmediate(resolve))
    idleTurns = socket.bytesWritten - socket.writableLength === before ? idleTurns + 1 : 0
    before = socket.bytesWritten - socket.writableLength
  }
  return before
}

test('a client that does not read makes the upstream wait', async (t) => {
  const upstream = await scripted(t)
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.socket.pause()
  client.send(request('GET /'))
  const socket = await upstream.connection(1)
  await upstream.got('\r\n\r\n')
  const total = 200 * MIB
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
  const taken = await fill(socket, Buffer.alloc(256 * 1024), total)
  assert.ok(taken < 40 * MIB, `${taken} bytes were taken for a client that reads nothing`)
  client.socket.resetAndDestroy()
  await upstream.ended(1)
  const { outcome } = await lab.recorded(1)
  assert.equal(outcome.fault, 'client_reset')
  assert.equal(outcome.status, 200)
})

for (const framing of ['Content-Length: 209715200', 'Transfer-Encoding: chunked'])
  test(`an upstream that does not read makes the client wait (${framing})`, async (t) => {
    const upstream = await tcpUpstream(t, (socket) => socket.pause())
    const lab = await startPlane(t, { saved: upstream.endpoint })
    const client = await rawClient(t, lab.port)
    client.send(request('POST /', framing))
    const isChunked = framing.startsWith('T')
    const payload = Buffer.alloc(256 * 1024)
    const block = isChunked ? Buffer.concat([Buffer.from('40000\r\n'), payload, Buffer.from('\r\n')]) : payload
    const taken = await fill(client.socket, block, 200 * MIB)
    assert.ok(taken < 40 * MIB, `${taken} bytes were taken for an upstream that reads nothing`)
    client.socket.resetAndDestroy()
    ;(await upstream.connection(1)).resume()
    await upstream.ended(1)
    assert.match((await lab.recorded(1)).outcome.fault ?? '', /^client_/)
  })

test('an upload that a mock answers at once does not keep its client from the next request', async (t) => {
  const lab = await startPlane(t, { expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(request('POST /m', `Content-Length: ${128 * 1024}`))
  await client.got('mock')
  client.send(Buffer.alloc(128 * 1024))
  client.send(request('GET /m'))
  await client.got(/mock[\s\S]*mock/)
  await lab.recorded(2)
})

test('an upload too long to be read past is answered with the word that the connection ends', async (t) => {
  const lab = await startPlane(t, { expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(request('POST /m', `Content-Length: ${10 * MIB}`))
  const { text } = await client.ended()
  assert.match(text, /connection: close/i)
  assert.match(text, /mock$/)
  client.socket.destroy()
  await lab.emptied()
})

test('an upstream that answers before it has read the body is heard', async (t) => {
  const upstream = await tcpUpstream(t, (socket) =>
    socket.once('data', () => socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig')),
  )
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(`${request('POST /', `Content-Length: ${100 * 1024}`)}start`)
  await client.got('big')
  client.send(Buffer.alloc(100 * 1024 - 5))
  client.send(request('GET /m'))
  await client.got('mock')
  assert.equal(lab.exchanges[0]?.outcome.status, 413)
  await lab.recorded(2)
})
