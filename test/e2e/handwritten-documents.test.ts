/** Documents of the control API that are not strict JSON. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startControl } from '../support/control-lab.ts'

test('every call takes a document with comments, bare names and single quotes', async (t) => {
  const { ask, put } = await startControl(t)
  const expectation = "// hello\n{httpRequest: {path: '/a'}, httpResponse: {body: 'two\nlines'},}"
  assert.equal((await put('expectation', expectation)).status, 201)
  assert.equal((await ask('/a')).body, 'two\nlines')
  assert.equal((await put('verify', "{httpRequest: {path: '/a'}, times: {atLeast: 1, atMost: 1}} # once")).status, 202)
  assert.equal(JSON.parse((await put('retrieve', "{path: '/a'}")).body).length, 1)
  assert.equal((await put('clear', "{path: '/a',}")).status, 200)
  assert.equal((await ask('/a')).status, 404)
})

test('a recorded body that is JSON only to us is no JSON', async (t) => {
  const { ask, putJson } = await startControl(t)
  await ask('/a', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{a: 1}' })
  const [recorded] = (await putJson('retrieve')) as { body: { type: string } }[]
  assert.equal(recorded?.body.type, 'STRING')
})
