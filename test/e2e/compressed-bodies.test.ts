/** Compressed request bodies, matched by expectations and by filters of the control API. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { startControl } from '../support/control-lab.ts'

const ORDER = { httpRequest: { path: '/orders', body: { order: 17 } }, httpResponse: { statusCode: 201 } }
const json = (coding: string): Record<string, string> => ({
  'content-type': 'application/json',
  'content-encoding': coding,
})

test('a compressed body is matched, verified and retrieved by what it says', async (t) => {
  const { ask, put, putJson } = await startControl(t)
  await put('expectation', ORDER)
  const body = '{"order":17,"note":"hello"}'
  const sent = [
    await ask('/orders', { method: 'POST', headers: json('gzip'), body: gzipSync(body) }),
    await ask('/orders', { method: 'POST', headers: json('br'), body: brotliCompressSync(body) }),
    await ask('/orders', { method: 'POST', headers: json('gzip'), body: gzipSync('{"order":18}') }),
  ]
  assert.deepEqual(
    sent.map(({ status }) => status),
    [201, 201, 404],
  )
  const twice = { httpRequest: { body: { order: 17 } }, times: { atLeast: 2, atMost: 2 } }
  assert.equal((await put('verify', twice)).status, 202)
  assert.equal(((await putJson('retrieve', { body: { order: 18 } })) as unknown[]).length, 1)
})

test('a body that unfolds without end matches nothing, and the next request is answered as ever', async (t) => {
  const { ask, put } = await startControl(t, { bodyMatchBytes: 10_000 })
  await put('expectation', ORDER)
  const bomb = gzipSync(Buffer.alloc(1_000_000, ' '))
  assert.equal((await ask('/orders', { method: 'POST', headers: json('gzip'), body: bomb })).status, 404)
  const body = gzipSync('{"order":17}')
  assert.equal((await ask('/orders', { method: 'POST', headers: json('gzip'), body })).status, 201)
})
