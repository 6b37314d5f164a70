import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type HeaderResult,
  type Preamble,
  type PreambleOptions,
  readPreamble,
} from '../../../src/intercept/preamble.ts'
import { writeHeader } from '../../../src/proxy-protocol/write.ts'
import { createWatch, socketPair } from '../../support/plane-lab.ts'

const source = { address: '192.0.2.1', port: 1025 }
const destination = { address: '198.51.100.2', port: 443 }
const LINE = writeHeader(1, source, destination)
const BINARY = writeHeader(2, source, destination)
/** Never reached: whoever waits that long has failed. */
const LONG_MS = 60_000

/** The beginning of a real connection; what became of it, and what was counted. */
const opening = async (t: TestContext, changes: Partial<PreambleOptions> = {}) => {
  const { ours, client } = await socketPair(t)
  const watch = createWatch()
  const results: HeaderResult[] = []
  const seen: Preamble[] = []
  ours.on('close', () => watch.changed())
  const options: PreambleOptions = {
    isTrusted: true,
    onMalformed: 'refuse',
    timeoutMs: LONG_MS,
    headTimeoutMs: LONG_MS,
    isOwnSource: () => false,
    onResult: (result) => results.push(result),
    ...changes,
  }
  readPreamble(ours, options, (preamble) => {
    seen.push(preamble)
    watch.changed()
  })
  return {
    ours,
    client,
    seen,
    results,
    settled: async () => {
      await watch.until('the preamble', () => seen.length > 0)
      return seen[0] as Preamble
    },
    closed: () => watch.until('our socket to close', () => ours.destroyed),
    /** What the next stage reads: the rest, and what comes after it. */
    reads: (preamble: Preamble, text: string) => {
      let read = preamble.kind === 'refused' ? '' : preamble.rest.toString('latin1')
      ours.on('data', (chunk: Buffer) => {
        read += chunk.toString('latin1')
        watch.changed()
      })
      ours.resume()
      return watch.until(`${text} to be read`, () => read === text)
    },
  }
}

for (const [version, header] of [
  [1, LINE],
  [2, BINARY],
] as const) {
  test(`a header of version ${version} is taken off, and what follows is handed on`, async (t) => {
    const flow = await opening(t)
    flow.client.send(Buffer.concat([header, Buffer.from('data')]))
    const preamble = await flow.settled()
    assert.deepEqual(preamble.kind === 'header' && preamble.proxied, { version, source, destination })
    assert.equal(flow.ours.isPaused(), true)
    flow.client.send(' and more')
    await flow.reads(preamble, 'data and more')
    assert.deepEqual(flow.results, ['taken'])
  })

  test(`a header of version ${version} that comes byte by byte is read whole`, async (t) => {
    const flow = await opening(t)
    for (const byte of Buffer.concat([header, Buffer.from('data')])) {
      flow.client.send(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    const preamble = await flow.settled()
    assert.deepEqual(preamble.kind === 'header' && preamble.proxied, { version, source, destination })
    await flow.reads(preamble, 'data')
  })
}

test('a header that names nobody is taken off and counted as such', async (t) => {
  const flow = await opening(t)
  flow.client.send('PROXY UNKNOWN\r\ndata')
  const preamble = await flow.settled()
  assert.deepEqual(preamble, { kind: 'header', proxied: { version: 1 }, rest: Buffer.from('data') })
  assert.deepEqual(flow.results, ['empty'])
})

for (const isTrusted of [true, false])
  test(`bytes that begin no header go on at once (${isTrusted ? '' : 'not '}trusted)`, async (t) => {
    const flow = await opening(t, { isTrusted })
    flow.client.send('GET /')
    assert.deepEqual(await flow.settled(), { kind: 'none', rest: Buffer.from('GET /') })
    assert.deepEqual(flow.results, [])
  })

test('a silent peer is taken for one without a header, and what it says later is untouched', async (t) => {
  const flow = await opening(t, { timeoutMs: 1 })
  const preamble = await flow.settled()
  assert.deepEqual(preamble, { kind: 'none', rest: Buffer.alloc(0), isSilent: true })
  flow.client.send(LINE)
  await flow.reads(preamble, LINE.toString())
})

test('a peer that ends its side without a byte has no header and was not waited for', async (t) => {
  const flow = await opening(t)
  flow.client.socket.end()
  assert.deepEqual(await flow.settled(), { kind: 'none', rest: Buffer.alloc(0) })
})

test('a header from a peer that is not trusted is refused', async (t) => {
  const flow = await opening(t, { isTrusted: false, onMalformed: 'pass' })
  flow.client.send(BINARY)
  const preamble = await flow.settled()
  assert.deepEqual(preamble, { kind: 'refused', why: 'a PROXY header from a peer that is not trusted' })
  assert.deepEqual(flow.results, ['untrusted'])
})

test('a header that names a connection of our own is refused', async (t) => {
  const flow = await opening(t, { isOwnSource: ({ port }) => port === source.port })
  flow.client.send(LINE)
  assert.equal((await flow.settled()).kind, 'refused')
  assert.deepEqual(flow.results, ['loop'])
})

test('a broken header is refused, or its bytes are data', async (t) => {
  const broken = 'PROXY TCP4 192.0.2.1\r\n'
  const refused = await opening(t)
  refused.client.send(broken)
  assert.equal((await refused.settled()).kind, 'refused')
  assert.deepEqual(refused.results, ['malformed_refused'])
  const passed = await opening(t, { onMalformed: 'pass' })
  passed.client.send(broken)
  assert.deepEqual(await passed.settled(), { kind: 'none', rest: Buffer.from(broken) })
  assert.deepEqual(passed.results, ['malformed_passed'])
})

for (const isTrusted of [true, false])
  test(`a header that is begun and not finished is broken (${isTrusted ? '' : 'not '}trusted)`, async (t) => {
    const late = await opening(t, { isTrusted, headTimeoutMs: 1 })
    late.client.send(LINE.subarray(0, 20))
    const preamble = await late.settled()
    assert.equal(preamble.kind === 'refused' && preamble.why, 'a broken PROXY header: it does not end')
    const ended = await opening(t, { isTrusted })
    ended.client.socket.end(BINARY.subarray(0, 14))
    assert.equal((await ended.settled()).kind, 'refused')
  })

test('bytes that only may have become a header are data once the time is up', async (t) => {
  const trusted = await opening(t, { headTimeoutMs: 1 })
  trusted.client.send('PRO')
  assert.deepEqual(await trusted.settled(), { kind: 'none', rest: Buffer.from('PRO') })
  const stranger = await opening(t, { isTrusted: false, timeoutMs: 1 })
  stranger.client.send('\r\n')
  await stranger.reads(await stranger.settled(), '\r\n')
  assert.deepEqual([...trusted.results, ...stranger.results], [])
})

test('a connection that is reset before its header is whole is gone without a word', async (t) => {
  const flow = await opening(t)
  flow.client.send('PROXY ')
  flow.client.socket.resetAndDestroy()
  await flow.closed()
  assert.deepEqual([flow.seen, flow.results], [[], []])
})
