/** `rateLimit`: how many requests expectations answer in a time, alone or together. Time is given. */
import type { Respond } from '../../action.ts'

export type RateLimit = {
  /** Expectations of one name share one counter. */
  readonly name: string | undefined
  readonly errorStatus: number
  /** In place of the seconds that are left. */
  readonly retryAfter: string | undefined
} & (
  | { readonly kind: 'fixed_window'; readonly limit: number; readonly windowMs: number }
  | { readonly kind: 'token_bucket'; readonly burst: number; readonly refillPerSecond: number }
)

export interface RateLimits {
  /** Counts one request: undefined where it may be answered, else what it is refused with. */
  take(limit: RateLimit, expectationId: string, nowMs: number, namespace?: string): Respond | undefined
  /** Those of a namespace, or all. */
  clear(namespace?: string): void
}

/** Counters at once; the one not asked for longest is forgotten. */
const MAX_COUNTERS = 10_000
const BODY = Buffer.from('{"error":{"type":"rate_limit_exceeded","message":"request rate limit exceeded"}}')

/** A window: its start and its requests. A bucket: when it was last filled, and its tokens. */
interface Counter {
  atMs: number
  amount: number
}

export function createRateLimits(): RateLimits {
  const counters = new Map<string, Counter>()
  const counterFor = (key: string, fresh: Counter): Counter => {
    const counter = counters.get(key) ?? fresh
    counters.delete(key)
    const [oldest] = counters.keys()
    if (counters.size >= MAX_COUNTERS && oldest !== undefined) counters.delete(oldest)
    counters.set(key, counter)
    return counter
  }
  return {
    take(limit, expectationId, nowMs, namespace = '') {
      const key = `${namespace}/${limit.kind} ${limit.name === undefined ? `id ${expectationId}` : `name ${limit.name}`}`
      if (limit.kind === 'fixed_window') {
        const counter = counterFor(key, { atMs: nowMs, amount: 0 })
        const leftMs = takeFromWindow(counter, limit, nowMs)
        return leftMs === undefined ? undefined : refusal(limit, limit.limit, leftMs, nowMs)
      }
      const counter = counterFor(key, { atMs: nowMs, amount: limit.burst })
      const leftMs = takeFromBucket(counter, limit, nowMs)
      return leftMs === undefined ? undefined : refusal(limit, limit.burst, leftMs, nowMs)
    },
    clear(namespace) {
      if (namespace === undefined) return counters.clear()
      const own = [...counters.keys()].filter((key) => key.startsWith(`${namespace}/`))
      for (const key of own) counters.delete(key)
    },
  }
}

/** How long until there is room again; undefined where there is some. */
function takeFromWindow(
  counter: Counter,
  { limit, windowMs }: { readonly limit: number; readonly windowMs: number },
  nowMs: number,
): number | undefined {
  if (nowMs - counter.atMs >= windowMs) {
    counter.atMs = nowMs
    counter.amount = 0
  }
  if (counter.amount >= limit) return counter.atMs + windowMs - nowMs
  counter.amount++
  return undefined
}

/** The same for a bucket, which fills as time passes. */
function takeFromBucket(
  counter: Counter,
  { burst, refillPerSecond }: { readonly burst: number; readonly refillPerSecond: number },
  nowMs: number,
): number | undefined {
  const filled = (Math.max(0, nowMs - counter.atMs) / 1000) * refillPerSecond
  counter.amount = Math.min(burst, counter.amount + filled)
  counter.atMs = nowMs
  if (counter.amount < 1) return ((1 - counter.amount) / refillPerSecond) * 1000
  counter.amount--
  return undefined
}

/** The answer to one too many, with the headers that MockServer gives it; seconds are rounded up. */
function refusal({ errorStatus, retryAfter }: RateLimit, limit: number, leftMs: number, nowMs: number): Respond {
  const headers = [
    ...['content-type', 'application/json', 'X-RateLimit-Limit', `${limit}`, 'X-RateLimit-Remaining', '0'],
    ...['X-RateLimit-Reset', `${Math.ceil((nowMs + leftMs) / 1000)}`],
    ...['Retry-After', retryAfter ?? `${Math.max(1, Math.ceil(leftMs / 1000))}`],
  ]
  return { kind: 'respond', response: { statusCode: errorStatus, headers, body: BODY, delayMs: 0 } }
}
