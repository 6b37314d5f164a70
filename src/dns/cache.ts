/** Answers kept for as long as their records allow. Pure, with the clock injected. */
import { HEADER_BYTES, type Question } from './question.ts'

/** What was learnt from a kept answer besides its bytes. */
export interface Learnt {
  readonly addresses: readonly string[]
  readonly aliases: readonly string[]
  readonly ttlS: number
}

export interface Kept extends Learnt {
  /** The answer with the query's id and question, times to live lowered by its age. */
  readonly message: Buffer
}

export interface AnswerCache {
  get(key: string, query: Buffer, question: Question): Kept | undefined
  put(key: string, message: Buffer, keepS: number, ttlsAt: readonly number[], learnt: Learnt): void
  size(): number
}

interface Entry extends Learnt {
  readonly message: Buffer
  readonly ttlsAt: readonly number[]
  readonly storedAtMs: number
  readonly expiresAtMs: number
}

/** Longer answers are rare, and would let a few thousand entries take much memory. */
const MAX_MESSAGE_BYTES = 4096
/** Seconds; a change of what a name means is seen by then, whatever the records said. */
const MAX_KEEP_S = 900

/**
 * Where an answer is looked for: who asked whom how (`scope`), and all of the query but its id, so that flags, EDNS sizes
 * and options never get each other's answers. Only the case of the name is left out: the answer takes it from the query.
 */
export const cacheKey = (scope: string, query: Buffer, { name, end }: Question): string =>
  `${scope}\n${name}\n${query.toString('latin1', 2, HEADER_BYTES)}${query.toString('latin1', end - 4)}`

/** Keeps up to `entries` answers, the least recently used going first; 0 keeps none. */
export const createAnswerCache = ({ entries, now }: { entries: number; now: () => number }): AnswerCache => {
  const kept = new Map<string, Entry>()
  return {
    get(key, query, question) {
      const entry = kept.get(key)
      if (!entry) return undefined
      kept.delete(key)
      const time = now()
      if (entry.expiresAtMs <= time) return undefined
      kept.set(key, entry)
      const ageS = Math.floor((time - entry.storedAtMs) / 1000)
      return { ...entry, message: aged(entry, ageS, query, question), ttlS: entry.ttlS - ageS }
    },
    put(key, message, keepS, ttlsAt, learnt) {
      if (entries === 0 || keepS <= 0 || message.length > MAX_MESSAGE_BYTES) return
      const { addresses, aliases, ttlS } = learnt
      const storedAtMs = now()
      const expiresAtMs = storedAtMs + 1000 * Math.min(keepS, MAX_KEEP_S)
      // A copy: what comes off a socket may be a slice of something much larger.
      kept.set(key, { message: Buffer.from(message), ttlsAt, storedAtMs, expiresAtMs, addresses, aliases, ttlS })
      const [oldest] = kept.keys()
      if (kept.size > entries && oldest !== undefined) kept.delete(oldest)
    },
    size: () => kept.size,
  }
}

const aged = ({ message, ttlsAt }: Entry, ageS: number, query: Buffer, { end }: Question): Buffer => {
  const answer = Buffer.from(message)
  query.copy(answer, 0, 0, 2)
  query.copy(answer, HEADER_BYTES, HEADER_BYTES, end)
  if (ageS > 0) for (const at of ttlsAt) answer.writeUInt32BE(Math.max(0, answer.readUInt32BE(at) - ageS), at)
  return answer
}
