/**
 * Requests at a steady rate from a pod, half of them over new connections and half over kept ones, half to a path that is
 * mocked and half to one that is not. The text of this file is the program of a container, so it imports nothing of ours.
 * Prints a line of JSON each half second: what was sent since the last, and each failure.
 */
import { Agent, request } from 'node:http'
import type { Socket } from 'node:net'

export interface Failure {
  /** CLOCK_MONOTONIC; of the request, and of its connection (0 where there never was one). */
  readonly startedNs: number
  readonly openedNs: number
  readonly isKept: boolean
  readonly error: string
}

export interface Said {
  readonly sent: number
  readonly failed: readonly Failure[]
  /**
   * Answers over new connections of the path that is mocked: those that were, and the beginnings of those that came from
   * the real server. A kept connection stays what it was when it was opened.
   */
  readonly mocked: number
  readonly directNs: readonly number[]
  /** The beginning of the last that was mocked. */
  readonly lastMockedNs: number
  /** The beginning of the first that was mocked after one that was not, 0 where there was none. */
  readonly backNs: number
}

const LIMIT_MS = 5000
const SAY_MS = 500
/** Kept connections are renewed after so many requests, so that there always are some that go through the agent. */
const RENEW_AFTER = 20

const now = (): number => Number(process.hrtime.bigint())
const url = process.env['LOAD_URL'] ?? ''
const everyMs = 1000 / Number(process.env['LOAD_PER_SECOND'])
const newKept = (): Agent => new Agent({ keepAlive: true, maxSockets: 2 })
let kept = newKept()
const opened = new WeakMap<Socket, number>()

const nothing = (): Said & { failed: Failure[]; directNs: number[] } => ({
  ...{ sent: 0, failed: [], mocked: 0, directNs: [], lastMockedNs: 0, backNs: 0 },
})
let said = nothing() as { -readonly [Key in keyof Said]: Said[Key] } & { failed: Failure[]; directNs: number[] }
let wasDirect = false

/** Nothing more is sent over those there are; they are closed when nothing can be under way any more. */
const renew = (): void => {
  const before = kept
  kept = newKept()
  setTimeout(() => before.destroy(), LIMIT_MS + 1000)
}

const answered = (tells: boolean, startedNs: number, text: string): void => {
  if (!tells) return
  if (text !== 'mocked') {
    said.directNs.push(startedNs)
    wasDirect = true
    return
  }
  said.mocked++
  said.lastMockedNs = startedNs
  if (wasDirect) said.backNs = startedNs
  wasDirect = false
}

const send = (number: number): void => {
  const isKept = number % 2 === 1
  const isMockedPath = number % 4 < 2
  const startedNs = now()
  let openedNs = 0
  let isOver = false
  said.sent++
  if (number % (2 * RENEW_AFTER) === 0) renew()
  const fail = (error: string): void => {
    if (isOver) return
    isOver = true
    said.failed.push({ startedNs, openedNs, isKept, error })
  }
  const sent = request(`${url}/${isMockedPath ? 'mocked' : 'real'}`, { agent: isKept ? kept : false })
  sent.setTimeout(LIMIT_MS, () => sent.destroy(new Error('no answer in time')))
  sent.once('socket', (socket) => {
    openedNs = opened.get(socket) ?? now()
    opened.set(socket, openedNs)
  })
  sent.once('error', (error) => fail(String(error)))
  sent.once('response', (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    response.once('error', (error) => fail(String(error)))
    response.once('end', () => {
      if (response.statusCode !== 200) return fail(`status ${response.statusCode}: ${text.slice(0, 200)}`)
      isOver = true
      answered(isMockedPath && !isKept, startedNs, text)
    })
  })
  sent.end()
}

let sent = 0
const begun = performance.now()
const tick = (): void => {
  // What a late timer has missed is made up for: the rate is what was asked for.
  while (sent * everyMs <= performance.now() - begun) send(sent++)
  setTimeout(tick, everyMs)
}
if (url !== '') {
  tick()
  setInterval(() => {
    process.stdout.write(`${JSON.stringify(said)}\n`)
    said = nothing()
  }, SAY_MS)
}
