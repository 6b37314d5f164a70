/** What a recording holds: pairs of requests and answers, redacted, each once, bounded in bytes. */
import type { LoggedExchange } from '../control/logged-exchange.ts'
import { type Pair, pairOf } from './pair.ts'
import type { Secrets } from './secrets.ts'

export interface TapeOptions {
  readonly secrets: Secrets
  /** Most characters of all pairs as JSON. */
  readonly limitBytes: number
  /** Told of each exchange that there was no room for. */
  readonly onFull: () => void
}

export interface Tape {
  /** Takes one exchange that is over. */
  add(entry: LoggedExchange): void
  /** In the order in which they came. */
  readonly pairs: readonly Pair[]
  /** Exchanges that are not in it: not known whole, or without room. */
  readonly leftOut: number
  /** Another one after each change. */
  readonly version: number
}

/** More different answers to the same request than this are not kept. */
const MAX_ANSWERS = 200

interface Known {
  /** The last answer, as JSON. */
  answer: string
  answers: number
}

export const createTape = ({ secrets, limitBytes, onFull }: TapeOptions): Tape => {
  const pairs: Pair[] = []
  /** By the request as JSON. */
  const known = new Map<string, Known>()
  let bytes = 0
  let leftOut = 0
  let version = 0

  const read = (entry: LoggedExchange): Pair | undefined => {
    try {
      return pairOf(entry, secrets)
    } catch (error) {
      if (error instanceof RangeError) return undefined // nested deeper than the stack
      throw error
    }
  }
  /** Whether it is new, and there is room. */
  const takes = (pair: Pair): boolean => {
    const { response, ...request } = pair
    const key = JSON.stringify(request)
    const answer = JSON.stringify(response)
    const last = known.get(key)
    if (last?.answer === answer) return false
    const size = key.length + answer.length
    if (bytes + size > limitBytes || (last?.answers ?? 0) >= MAX_ANSWERS) {
      leftOut++
      onFull()
      return false
    }
    bytes += size
    known.set(key, { answer, answers: (last?.answers ?? 0) + 1 })
    return true
  }

  return {
    add: (entry) => {
      const pair = read(entry)
      if (!pair) leftOut++
      else if (takes(pair)) {
        pairs.push(pair)
        version++
      }
    },
    pairs,
    get leftOut() {
      return leftOut
    },
    get version() {
      return version
    },
  }
}
