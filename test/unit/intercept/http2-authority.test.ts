import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Named } from '../../../src/flow.ts'
import { MAX_AUTHORITY_BYTES, readAuthority } from '../../../src/intercept/http2-authority.ts'
import { http2Start, PREFACE, SETTINGS } from '../../support/http2-start.ts'
import { within } from '../../support/plane-lab.ts'

/** What the pieces name; `isWhole`: no more will come. */
const read = async (pieces: readonly Buffer[], isWhole = false) => {
  let limits = 0
  let calls = 0
  const named = await within(
    'an answer',
    new Promise<Named | undefined>((resolve) => {
      const reader = readAuthority(
        () => limits++,
        (found) => {
          calls++
          resolve(found)
        },
      )
      for (const piece of pieces) reader.feed(piece)
      if (isWhole) reader.end()
    }),
  )
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(calls, 1)
  return { named, limits }
}

/** The SETTINGS frame as a client announces it, then a frame of an unknown type with this many bytes. */
const padding = (bytes: number): Buffer => {
  const frames: Buffer[] = []
  for (let left = bytes; left > 0; left -= 16_000) {
    const length = Math.min(left, 16_000)
    frames.push(Buffer.from([length >> 16, length >> 8, length, 0xee, 0, 0, 0, 0, 0]), Buffer.alloc(length))
  }
  return Buffer.concat(frames)
}

test('the authority of the first request, with its port or without', async () => {
  const withPort = await http2Start({ ':authority': 'svc.example:8080', ':scheme': 'http', ':path': '/' })
  assert.deepEqual((await read([withPort])).named, { address: 'svc.example', port: 8080 })
  const without = await http2Start({ ':authority': '[2001:db8::1]', ':scheme': 'http', ':path': '/' })
  assert.deepEqual((await read([without])).named, { address: '2001:db8::1' })
})

test('a Host header counts where there is no authority', async () => {
  const bytes = await http2Start({ host: 'svc.example', ':scheme': 'http', ':path': '/' })
  assert.deepEqual((await read([bytes])).named, { address: 'svc.example' })
})

test('the pieces may be of any size', async () => {
  const bytes = await http2Start({ ':authority': 'svc.example', ':scheme': 'http', ':path': '/' })
  const pieces = [...bytes].map((byte) => Buffer.from([byte]))
  assert.deepEqual((await read(pieces)).named, { address: 'svc.example' })
})

test('what was to be encrypted is not named, nor is the end of a tunnel', async () => {
  const secret = await http2Start({ ':authority': 'svc.example', ':scheme': 'https', ':path': '/' })
  assert.equal((await read([secret])).named, undefined)
  const tunnel = await http2Start({ ':authority': 'svc.example:25', ':method': 'CONNECT' })
  assert.equal((await read([tunnel])).named, undefined)
})

for (const [what, bytes] of [
  ['the preface alone', PREFACE],
  ['settings alone', Buffer.concat([PREFACE, SETTINGS])],
  ['half a frame', Buffer.concat([PREFACE, SETTINGS.subarray(0, 5)])],
  ['another protocol', Buffer.from('220 hello\r\n')],
  ['a frame of an impossible length', Buffer.concat([PREFACE, Buffer.alloc(40, 0xff)])],
  ['a header block that is none', Buffer.concat([PREFACE, SETTINGS, Buffer.from([0, 0, 1, 1, 4, 0, 0, 0, 1, 0xff])])],
  ['no bytes', Buffer.alloc(0)],
] as const)
  test(`${what} names nobody`, async () => assert.deepEqual(await read([bytes], true), { named: undefined, limits: 0 }))

test('a request behind more bytes than are looked at names nobody, and the limit is told', async () => {
  const bytes = await http2Start({ ':authority': 'svc.example', ':scheme': 'http', ':path': '/' })
  const start = PREFACE.length + SETTINGS.length
  const behind = (room: number): Buffer[] => [PREFACE, SETTINGS, padding(room), bytes.subarray(PREFACE.length)]
  assert.deepEqual(await read(behind(30_000)), { named: { address: 'svc.example' }, limits: 0 })
  assert.deepEqual(await read(behind(MAX_AUTHORITY_BYTES - start)), { named: undefined, limits: 1 })
})

test('a reader that was closed tells nothing', async () => {
  const bytes = await http2Start({ ':authority': 'svc.example', ':scheme': 'http', ':path': '/' })
  const closed = readAuthority(
    () => assert.fail('a limit'),
    () => assert.fail('an answer'),
  )
  closed.feed(bytes)
  closed.close()
  closed.feed(bytes)
  closed.end()
  closed.close()
  await read([bytes])
})
