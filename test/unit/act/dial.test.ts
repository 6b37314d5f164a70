/** The PROXY header ahead of what is sent, however a connection is used. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Dial, directDial, refusingOwn, withProxyHeader } from '../../../src/act/dial.ts'
import { createUpstreams } from '../../../src/act/upstreams.ts'
import { createWatch, response, tcpUpstream, within } from '../../support/plane-lab.ts'

const HEADER = Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n')
const OTHER = Buffer.from('PROXY TCP4 192.0.2.9 192.0.2.2 9 2\r\n')
const dial = withProxyHeader(directDial)

/** A server that keeps what each connection received. */
const listening = async (t: TestContext, answer?: (socket: Socket, text: string) => void) => {
  const watch = createWatch()
  const texts: string[] = []
  const upstream = await tcpUpstream(t, (socket) => {
    const at = texts.push('') - 1
    socket.on('data', (chunk: Buffer) => {
      texts[at] += chunk.toString('latin1')
      answer?.(socket, texts[at] ?? '')
      watch.changed()
    })
  })
  return {
    ...upstream,
    texts,
    received: (what: string, isSo: () => boolean) => watch.until(`${what}; there is ${JSON.stringify(texts)}`, isSo),
  }
}

const dialled = (with_: Dial, ...[destination, options]: [Parameters<Dial>[0], Parameters<Dial>[1]]): Promise<Socket> =>
  new Promise((resolve, reject) => {
    with_(destination, options, (error, socket) => (socket ? resolve(socket) : reject(error)))
  })

test('the header goes first, even before what was written while the connection was being made', async (t) => {
  const server = await listening(t)
  const socket = await dialled(dial, server.endpoint, { proxyHeader: HEADER })
  t.after(() => socket.destroy())
  socket.write('data')
  await server.received('header and data', () => server.texts[0] === `${HEADER}data`)
})

test('without a header nothing is written', async (t) => {
  const server = await listening(t)
  const socket = await dialled(dial, server.endpoint, {})
  t.after(() => socket.destroy())
  socket.write('data')
  await server.received('data alone', () => server.texts[0] === 'data')
})

test('a connection that is broken off as it opens gets no header', async (t) => {
  const server = await listening(t)
  const socket = await dialled(withProxyHeader(refusingOwn(directDial, () => true)), server.endpoint, {
    proxyHeader: HEADER,
  })
  const error = new Promise((resolve) => socket.once('error', resolve))
  assert.equal(Reflect.get(Object(await within('the error', error)), 'code'), 'ELOOP')
  await server.ended(1)
  assert.deepEqual(server.texts, [''])
})

test('a kept connection is announced once, and never used for another client', async (t) => {
  const server = await listening(t, (socket, text) => {
    if (text.endsWith('\r\n\r\n')) socket.write(response('ok'))
  })
  const upstreams = createUpstreams(dial, {
    connectTimeoutMs: 8000,
    headersTimeoutMs: 8000,
    bodyTimeoutMs: 8000,
    keepAliveMs: 8000,
    connectionsPerDestination: 1,
    destinations: 8,
    onEvicted: () => undefined,
    onFull: () => undefined,
    maxHeadBytes: 1024,
  })
  t.after(() => upstreams.close())
  const ask = (path: string, proxyHeader: Buffer): Promise<unknown> =>
    within(
      path,
      new Promise((resolve, reject) => {
        upstreams.dispatch(
          server.endpoint,
          { proxyHeader },
          { path, method: 'GET' },
          {
            onRequestStart: () => undefined,
            onResponseStart: () => undefined,
            onResponseData: () => undefined,
            onResponseEnd: resolve,
            onResponseError: (_, error) => reject(error),
          },
        )
      }),
    )
  await ask('/one', HEADER)
  await ask('/two', HEADER)
  await ask('/three', OTHER)
  assert.equal(server.texts.length, 2)
  const [mine = '', others = ''] = server.texts
  assert.match(
    mine,
    /^PROXY TCP4 192\.0\.2\.1 [^\r]+\r\nGET \/one HTTP\/1\.1\r\n[\s\S]+\r\n\r\nGET \/two HTTP\/1\.1\r\n/,
  )
  assert.match(others, /^PROXY TCP4 192\.0\.2\.9 [^\r]+\r\nGET \/three HTTP\/1\.1\r\n/)
})
