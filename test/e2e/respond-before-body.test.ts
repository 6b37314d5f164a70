/** Answers that do not wait for the body of their request. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { test } from 'node:test'
import { startControl } from '../support/control-lab.ts'

test('an answer that must not wait is sent while the body is still on its way, and the request is logged', async (t) => {
  const { port, put, putJson } = await startControl(t)
  const early = { path: '/upload', respondBeforeBody: true }
  assert.equal((await put('expectation', { httpRequest: early, httpResponse: { statusCode: 413 } })).status, 201)
  const sent = request({
    host: '127.0.0.1',
    port,
    path: '/upload',
    method: 'POST',
    headers: { 'content-length': 1000 },
  })
  sent.on('error', () => {})
  sent.write('a')
  const [response] = await once(sent, 'response')
  assert.equal(response.statusCode, 413)
  sent.destroy()
  assert.equal(
    (await put('verify', { httpRequest: { path: '/upload' }, times: { atLeast: 1, atMost: 1 } })).status,
    202,
  )
  const [recorded] = (await putJson('retrieve')) as { path: string }[]
  assert.equal(recorded?.path, '/upload')
})
