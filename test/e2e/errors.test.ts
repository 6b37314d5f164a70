/** Expectations that answer as a broken server would. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { startControl } from '../support/control-lab.ts'

/** What comes back, until the server ends the connection or `enough` bytes are there. */
const exchange = async (t: TestContext, httpError: unknown, enough = Number.POSITIVE_INFINITY): Promise<Buffer> => {
  const { port, put } = await startControl(t)
  assert.equal((await put('expectation', { httpRequest: { path: '/broken' }, httpError })).status, 201)
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write('GET /broken HTTP/1.1\r\nhost: a\r\n\r\n')
  let received = Buffer.alloc(0)
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk])
    if (received.length >= enough) break
  }
  return received
}

test('a connection that is dropped ends without a byte', async (t) => {
  assert.equal((await exchange(t, { dropConnection: true })).length, 0)
})

test('bytes come as they are, and then the end', async (t) => {
  const bytes = Buffer.from([0, 255, 13, 10])
  const responseBytes = bytes.toString('base64')
  const delay = { timeUnit: 'MILLISECONDS', value: 5 }
  assert.deepEqual(await exchange(t, { responseBytes, delay, dropConnection: true }), bytes)
})

test('bytes without an end leave the connection open', async (t) => {
  const responseBytes = Buffer.from('half an ans').toString('base64')
  assert.equal((await exchange(t, { responseBytes }, 11)).toString(), 'half an ans')
})

test('the error of a stream ends the connection of HTTP/1.1, which is its only one, unless bytes are to be sent', async (t) => {
  assert.equal((await exchange(t, { streamError: 8 })).length, 0)
  const responseBytes = Buffer.from('half an ans').toString('base64')
  assert.equal((await exchange(t, { streamError: 8, responseBytes }, 11)).toString(), 'half an ans')
})

test('the error of a stream is a code of 32 bits, and is served as it was given', async (t) => {
  const { put, putJson } = await startControl(t)
  const given = (streamError: unknown) => ({ httpRequest: { path: '/a' }, httpError: { streamError } })
  for (const wrong of [-1, 2 ** 32, 1.5, 'CANCEL', null]) {
    assert.equal((await put('expectation', given(wrong))).status, 400, String(wrong))
  }
  assert.deepEqual(await putJson('retrieve?type=ACTIVE_EXPECTATIONS'), [])
  for (const code of [0, 2 ** 32 - 1]) assert.equal((await put('expectation', given(code))).status, 201)
  const active = (await putJson('retrieve?type=ACTIVE_EXPECTATIONS')) as { httpError: unknown }[]
  assert.deepEqual(
    active.map(({ httpError }) => httpError),
    [{ streamError: 0 }, { streamError: 2 ** 32 - 1 }],
  )
})

test('a request whose connection was dropped is in the log, and so is what was sent in place of an answer', async (t) => {
  const { port, put, putJson } = await startControl(t)
  await put('expectation', { httpRequest: { path: '/broken' }, httpError: { dropConnection: true } })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET /broken HTTP/1.1\r\nhost: a\r\n\r\n')
  socket.resume()
  await once(socket, 'close')
  assert.deepEqual(
    ((await putJson('retrieve')) as { path: string }[]).map(({ path }) => path),
    ['/broken'],
  )
  assert.deepEqual(await putJson('retrieve?type=REQUEST_RESPONSES'), [])
})
