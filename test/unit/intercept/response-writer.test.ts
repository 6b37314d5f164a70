import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { createResponseWriter } from '../../../src/intercept/response-writer.ts'

const GET = { method: 'GET', httpVersion: '1.1' } as const

/** A socket that only notes each write. */
const written = () => {
  const writes: string[] = []
  const write = (data: Buffer | string): boolean => {
    writes.push(data.toString('latin1' as BufferEncoding))
    return true
  }
  return { writes, writer: createResponseWriter({ write } as unknown as Socket) }
}
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('head and first bytes leave in one write', () => {
  const { writes, writer } = written()
  writer.start(GET, 200, undefined, ['content-length', '5'], true)
  writer.write(Buffer.from('hello'))
  writer.end([])
  assert.deepEqual(writes, ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'])
  assert.equal(writer.payloadBytes, 5)
})

test('a head whose body is slow leaves by itself', async () => {
  const { writes, writer } = written()
  writer.start(GET, 200, undefined, ['content-length', '5'], true)
  assert.deepEqual(writes, [])
  await nextTurn()
  assert.deepEqual(writes, ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'])
})

test('a body without a length is chunked, with its trailers', () => {
  const { writes, writer } = written()
  writer.start(GET, 200, 'Fine', [], true)
  writer.write(Buffer.from('hello'))
  writer.end(['x-sum', '1'])
  assert.deepEqual(writes, [
    'HTTP/1.1 200 Fine\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n',
    '0\r\nx-sum: 1\r\n\r\n',
  ])
})

test('an HTTP/1.0 client gets a body without a length until the close', () => {
  const { writes, writer } = written()
  writer.start({ method: 'GET', httpVersion: '1.0' }, 200, undefined, [], true)
  assert.equal(writer.endsWithClose, true)
  writer.write(Buffer.from('hello'))
  writer.end([])
  assert.equal(writes.join(''), 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello')
})

test('an HTTP/1.0 client that keeps its connection is told so', () => {
  const { writes, writer } = written()
  writer.start({ method: 'GET', httpVersion: '1.0' }, 200, undefined, ['content-length', '0'], true)
  writer.end([])
  assert.match(writes.join(''), /connection: keep-alive\r\n/)
})

for (const [method, status] of [
  ['HEAD', 200],
  ['GET', 204],
  ['GET', 304],
] as const)
  test(`${status} to ${method} has no body, whatever the upstream sends`, () => {
    const { writes, writer } = written()
    writer.start({ method, httpVersion: '1.1' }, status, undefined, ['content-length', '5'], true)
    assert.equal(writer.write(Buffer.from('hello')), true)
    writer.end([])
    assert.match(writes.join(''), /content-length: 5\r\n\r\n$/)
    assert.equal(writer.payloadBytes, 0)
  })

test('the next response starts afresh', () => {
  const { writer } = written()
  writer.start(GET, 200, undefined, [], true)
  writer.write(Buffer.from('hello'))
  writer.end([])
  writer.reset()
  assert.equal(writer.started, false)
  assert.equal(writer.payloadBytes, 0)
})
