/**
 * The queries under way on one upstream socket, each under an id of our own: the client's may be taken already, and an
 * attacker who can guess an id can forge an answer (RFC 5452).
 */
import { randomFillSync } from 'node:crypto'
import {
  HEADER_BYTES,
  idOf,
  isResponse,
  isTransfer,
  type Question,
  questionsIn,
  rcodeOf,
  sameQuestion,
} from './question.ts'

export type Asked =
  /** `message` has the id of the query; after one that is not the last, more follow. */
  | { readonly kind: 'answered'; readonly message: Buffer; readonly isLast: boolean }
  /** All messages of a transfer have come. */
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly why: 'timeout' | 'unreachable' }

/** Sends a query to one upstream; `done` is called once, or, for a transfer, until it is told the end. */
export type Ask = (
  query: Buffer,
  question: Question | undefined,
  timeoutMs: number,
  done: (asked: Asked) => void,
) => void

export interface Waiting {
  readonly query: Buffer
  readonly question: Question | undefined
  readonly timeoutMs: number
  readonly done: (asked: Asked) => void
}

export interface Pending {
  /** Notes a query; returns it as it has to be sent, or undefined where every id is taken. */
  add(waiting: Waiting): Buffer | undefined
  /** Hands an answer to its query; what nobody waits for, or answers another question, is left. */
  take(message: Buffer): boolean
  /** Empties the table. Transfers that have begun are told their end; the rest is returned, and has not been told. */
  drain(): Waiting[]
  size(): number
}

interface Entry extends Waiting {
  timer: NodeJS.Timeout
  hasAnswered: boolean
}

const MAX_PENDING = 32_768
const RANDOM_BYTES = 4096

export const createPending = (onTimeout: () => void): Pending => {
  const entries = new Map<number, Entry>()
  const nextId = createIds()

  const expire = (id: number): void => {
    const entry = entries.get(id)
    if (!entry) return
    entries.delete(id)
    entry.done(entry.hasAnswered ? { kind: 'ended' } : { kind: 'failed', why: 'timeout' })
    onTimeout()
  }
  return {
    add(waiting) {
      if (entries.size >= MAX_PENDING) return undefined
      let id = nextId()
      while (entries.has(id)) id = nextId() // at most half of them are taken
      const timer = setTimeout(expire, waiting.timeoutMs, id).unref()
      entries.set(id, { ...waiting, timer, hasAnswered: false })
      const sent = Buffer.from(waiting.query)
      sent.writeUInt16BE(id, 0)
      return sent
    },
    take(message) {
      if (message.length < HEADER_BYTES || !isResponse(message)) return false
      const id = idOf(message)
      const entry = entries.get(id)
      if (!entry || !isAnswerTo(message, entry)) return false
      message.writeUInt16BE(idOf(entry.query), 0)
      const isLast = !(entry.question && isTransfer(entry.question))
      if (isLast) {
        entries.delete(id)
        clearTimeout(entry.timer)
      } else {
        entry.hasAnswered = true
        entry.timer.refresh()
      }
      entry.done({ kind: 'answered', message, isLast })
      return true
    },
    drain() {
      const drained = [...entries.values()]
      entries.clear()
      for (const { timer } of drained) clearTimeout(timer)
      for (const { hasAnswered, done } of drained) if (hasAnswered) done({ kind: 'ended' })
      return drained.filter(({ hasAnswered }) => !hasAnswered)
    },
    size: () => entries.size,
  }
}

/** Servers leave the question out where they could not read it; the messages of a transfer after the first may, too. */
const isAnswerTo = (message: Buffer, { query, question }: Waiting): boolean => {
  if (!question || sameQuestion(message, query, question)) return true
  return questionsIn(message) === 0 && (rcodeOf(message) !== 0 || isTransfer(question))
}

/** Unpredictable 16-bit numbers; a call for each would cost more than the query. */
const createIds = (): (() => number) => {
  const random = Buffer.alloc(RANDOM_BYTES)
  let at = RANDOM_BYTES
  return () => {
    if (at === RANDOM_BYTES) {
      randomFillSync(random)
      at = 0
    }
    at += 2
    return random.readUInt16BE(at - 2)
  }
}
