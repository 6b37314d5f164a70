/** Whatever is sent to the control API gets an answer, and changes nothing unless it was right. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ControlLab, startControl } from '../support/control-lab.ts'

const CALLS = [
  ...(['expectation', 'clear', 'retrieve', 'verify', 'verifySequence', 'status', 'reset', 'configuration'] as const),
  ...(['explain', 'scenario/a', 'scenario/a/trigger'] as const),
  'mode',
] as const
const TYPES = [
  ...['', 'all', '%00'],
  ...'logs requests request_responses recorded_expectations active_expectations metrics'.split(' '),
]
const FORMATS = ['', 'json', 'java', 'log_entries', 'curl', 'har', 'javascript', 'openapi', 'x']

/** Documents that are nearly right. */
const key = fc.constantFrom(
  'httpRequest',
  'httpResponse',
  'path',
  'headers',
  'body',
  'id',
  'times',
  'expectationId',
  'httpRequests',
  'httpResponses',
  'disposition',
  'statusCode',
  '__proto__',
)
const document = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, fc.jsonValue(), fc.string(), tie('list'), tie('object')),
  list: fc.array(tie('value'), { maxLength: 3 }),
  object: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
})).value
const body = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  document.map((value) => Buffer.from(JSON.stringify(value) ?? '')),
  fc
    .constantFrom('[', '{}', '""', 'null', '[[]]', '{"a":'.repeat(5000), '['.repeat(100_000))
    .map((text) => Buffer.from(text)),
)

const stillWorks = async ({ put, ask }: ControlLab): Promise<void> => {
  for (const type of ['requests', 'request_responses', 'recorded_expectations', 'active_expectations', 'logs']) {
    for (const format of ['json', 'java', 'log_entries', 'curl', 'har', 'javascript', 'openapi']) {
      assert.equal((await put(`retrieve?type=${type}&format=${format}`)).status, 200, `${type} as ${format}`)
    }
  }
  assert.equal((await put('reset')).status, 200)
  assert.equal((await ask('/mockserver/ready')).status, 200)
}

test('arbitrary bytes to every call are answered with what the call may say', async (t) => {
  const lab = await startControl(t)
  const answered = fc.asyncProperty(
    ...([fc.constantFrom(...CALLS), fc.constantFrom(...TYPES), fc.constantFrom(...FORMATS), body] as const),
    async (call, type, format, bytes) => {
      const { status } = await lab.put(`${call}?type=${type}&format=${format}`, bytes)
      assert.ok([200, 201, 202, 400, 406].includes(status), `${call}: ${status}`)
    },
  )
  await fc.assert(answered, { numRuns: 400 })
  await stillWorks(lab)
})

test('no request that came makes retrieve or reset fail', async (t) => {
  const lab = await startControl(t)
  const type = fc.constantFrom(
    'application/json',
    'application/json; charset=utf-8',
    'text/xml',
    'text/plain; charset=latin1',
    'x',
  )
  const path = fc.constantFrom('/', '/%', '/%zz?%', '/a?=&&=;', '/__proto__?__proto__=1')
  const came = fc.asyncProperty(path, type, body, async (target, contentType, bytes) => {
    const headers = { 'content-type': contentType, cookie: '__proto__=1; =; x', ['__proto__x']: '1' }
    const { status } = await lab.ask(target, { method: 'POST', headers, body: bytes })
    assert.equal(status, 404)
  })
  await fc.assert(came, { numRuns: 100 })
  await stillWorks(lab)
})

test('a document with any mistake in it stores nothing', async (t) => {
  const lab = await startControl(t)
  const good = { httpRequest: { path: '/good' }, httpResponse: {} }
  const bad = fc.constantFrom<unknown>(
    { ...good, no: 1 },
    { httpRequest: {} },
    1,
    null,
    { ...good, times: -1 },
    { ...good, httpForward: { host: 'h' } },
  )
  const refused = fc.asyncProperty(fc.nat(3), bad, fc.nat(3), async (before, one, after) => {
    const list = [...Array(before).fill(good), one, ...Array(after).fill(good)]
    assert.equal((await lab.put('expectation', list)).status, 400)
    assert.deepEqual(await lab.putJson('retrieve?type=active_expectations'), [])
  })
  await fc.assert(refused, { numRuns: 50 })
})
