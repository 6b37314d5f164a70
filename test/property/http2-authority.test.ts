import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import type { Named } from '../../src/flow.ts'
import { readAuthority } from '../../src/intercept/http2-authority.ts'
import { http2Start, PREFACE } from '../support/http2-start.ts'
import { within } from '../support/plane-lab.ts'

let start: Buffer = PREFACE

before(async () => {
  start = await http2Start({
    ':authority': 'svc.example:81',
    ':scheme': 'http',
    ':path': '/',
    'x-more': 'y'.repeat(99),
  })
})

const answer = (pieces: readonly Buffer[]): Promise<Named | undefined> =>
  within(
    'an answer',
    new Promise((resolve) => {
      const reader = readAuthority(() => undefined, resolve)
      for (const piece of pieces) reader.feed(piece)
      reader.end()
    }),
  )

test('hostile bytes behind a preface always get an answer, and hurt nobody', () =>
  fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, isBehindPreface) => {
      await answer(isBehindPreface ? [PREFACE, Buffer.from(bytes)] : [Buffer.from(bytes)])
    }),
  ))

test('a request with bytes changed here and there always gets an answer', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(400),
      async (changes, cut) => {
        const bytes = Buffer.from(start)
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        await answer([bytes.subarray(0, cut), bytes.subarray(cut)])
      },
    ),
  ))

test('wherever a request is cut in two, it names the same', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(400), async (cut) => {
      assert.deepEqual(await answer([start.subarray(0, cut), start.subarray(cut)]), {
        address: 'svc.example',
        port: 81,
      })
    }),
  ))
