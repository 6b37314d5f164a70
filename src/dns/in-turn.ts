/**
 * One query to several resolvers, as a client with several would ask them. A client that asks all of its resolvers over one
 * socket (musl does) is known to have asked the last one only: were that one dead, the client would wait for it alone.
 */
import type { Ask, Asked } from './pending.ts'

/** How long a resolver may be silent before the next is asked as well. A slow one may still win. */
export const NEXT_AFTER_MS = 1000

/** The first answer counts; the failure of all of them is the last one's. */
export const inTurn =
  (asks: readonly Ask[], nextAfterMs = NEXT_AFTER_MS): Ask =>
  (query, question, timeoutMs, done) => {
    let asked = 0
    let failures = 0
    let chosen: number | undefined
    let timer: NodeJS.Timeout | undefined

    const answered = (index: number, answer: Asked): void => {
      if (chosen !== undefined && chosen !== index) return
      if (answer.kind === 'failed' && chosen === undefined && ++failures < asks.length) return next()
      chosen = index
      clearTimeout(timer)
      done(answer)
    }
    const next = (): void => {
      clearTimeout(timer)
      const index = asked
      const ask = asks[index]
      if (!ask || chosen !== undefined) return
      asked += 1
      if (asked < asks.length) timer = setTimeout(next, nextAfterMs)
      ask(query, question, timeoutMs, (answer) => answered(index, answer))
    }
    if (asks.length === 0) done({ kind: 'failed', why: 'unreachable' })
    else next()
  }
