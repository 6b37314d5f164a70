/** However the bytes of several requests are cut, each gets the answer it would get alone. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import fc from 'fast-check'
import { httpUpstream, mockOf, rawClient, request, startPlane } from '../support/plane-lab.ts'

const RUNS = 60

const body = fc.string({ minLength: 0, maxLength: 40, unit: fc.constantFrom('a', 'b', '\r', '\n', '0', ' ') })

/** Requests of every kind: mocked, mocked by their body, forwarded; without a body, with a length, chunked. */
const someRequest = fc.record({
  path: fc.constantFrom('/mock', '/body', '/up', '/up?x=1'),
  framing: fc.constantFrom('none', 'length', 'chunked'),
  body: fc.oneof(body, fc.constant('ab')),
  chunk: fc.integer({ min: 1, max: 9 }),
})
type SomeRequest = typeof someRequest extends fc.Arbitrary<infer T> ? T : never

const chunked = (text: string, size: number): string => {
  let coded = ''
  for (let at = 0; at < text.length; at += size) {
    const piece = text.slice(at, at + size)
    coded += `${piece.length.toString(16)}\r\n${piece}\r\n`
  }
  return `${coded}0\r\n\r\n`
}

const bytesOf = ({ path, framing, body, chunk }: SomeRequest, last: boolean): string => {
  const headers = last ? ['Connection: close'] : []
  if (framing === 'none') return request(`GET ${path}`, ...headers)
  if (framing === 'length') return request(`POST ${path}`, `Content-Length: ${body.length}`, ...headers) + body
  return request(`POST ${path}`, 'Transfer-Encoding: chunked', ...headers) + chunked(body, chunk)
}

const answerOf = ({ path, framing, body }: SomeRequest): string => {
  const sent = framing === 'none' ? '' : body
  if (path === '/mock' || (path === '/body' && sent === 'ab')) return '<mock>'
  return `<${framing === 'none' ? 'GET' : 'POST'} ${path} ${JSON.stringify(sent)}>`
}

test('random requests in random pieces over one connection are answered in order, each as if alone', async (t) => {
  const upstream = await httpUpstream(t, async (incoming, outgoing) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const text = `<${incoming.method} ${incoming.url} ${JSON.stringify(Buffer.concat(chunks).toString())}>`
    outgoing.setHeader('content-length', text.length)
    outgoing.end(text)
  })
  const matched = { body: { type: 'STRING', string: 'ab' } }
  const lab = await startPlane(t, {
    saved: upstream.endpoint,
    expectations: [mockOf('/mock', '<mock>'), mockOf('/body', '<mock>', {}, matched)],
  })
  const requests = fc.array(someRequest, { minLength: 1, maxLength: 8 })
  const cuts = fc.array(fc.nat({ max: 2000 }), { maxLength: 12 })
  let sent = 0
  await fc.assert(
    fc.asyncProperty(requests, cuts, async (list, places) => {
      const whole = list.map((one, i) => bytesOf(one, i === list.length - 1)).join('')
      const client = await rawClient(t, lab.port)
      const ends = [...new Set(places.map((place) => place % whole.length)), whole.length].sort((a, b) => a - b)
      let from = 0
      for (const end of ends) {
        client.send(whole.slice(from, end))
        from = end
        await new Promise((resolve) => setImmediate(resolve))
      }
      const { text, error } = await client.ended()
      const closed = once(client.socket, 'close')
      client.socket.end()
      await closed
      assert.equal(error, undefined)
      assert.deepEqual(text.match(/<[^>]*>/g), list.map(answerOf))
      sent += list.length
    }),
    { numRuns: RUNS },
  )
  await lab.recorded(sent)
})
