/** What can go wrong between us and the API server: a closed list, since it labels metrics, and what each call is told. */

export const FAILURE_KINDS = [
  /** No connection, or it broke. */
  'network',
  /** It did not prove who it is. */
  'tls',
  /** No answer, or not all of it, in time. */
  'timeout',
  /** A watch on which nothing came, not even a bookmark. */
  'stalled',
  /** Our token or the certificates to trust cannot be read. */
  'credentials',
  'unauthorized',
  'forbidden',
  'not_found',
  'conflict',
  /** The resource version is no longer known: 410. */
  'gone',
  /** 429. */
  'throttled',
  /** 5xx. */
  'server',
  /** Any other status that is no success. */
  'rejected',
  /** Not what the API says it sends: no JSON, another kind, no resource version, pages without end. */
  'malformed',
  /** A line, an object or an answer above its limit. */
  'too_large',
  /** One object that says too little or too much of itself to be used; the others are. */
  'bad_object',
  /** One object more than are kept. */
  'too_many',
  /** Our own code, called with news, threw. */
  'handler',
] as const

export type FailureKind = (typeof FAILURE_KINDS)[number]

/** Why a call came to nothing. */
export interface ApiFailure {
  readonly kind: FailureKind
  /** Names the call, the answer and the remedy, in one or two sentences; bounded. */
  readonly message: string
  /** The HTTP status, where there was one. */
  readonly status?: number
  /** The `reason` of the Status object, where there was one. */
  readonly reason?: string
  /** What the server asks us to wait for, milliseconds. */
  readonly retryAfterMs?: number
  /** The resource version that was asked for is one that this server has not reached. */
  readonly isVersionTooLarge?: true
}

/** How often each kind has happened. */
export type FailureCounts = Readonly<Record<FailureKind, number>>

/** Counts failures by kind; `onFailure` is told of each. What it throws is dropped. */
export const createFailureCounts = (
  onFailure?: (kind: FailureKind, message: string) => void,
): { count(kind: FailureKind, message: string): void; counts(): FailureCounts } => {
  const counts = Object.fromEntries(FAILURE_KINDS.map((kind) => [kind, 0])) as Record<FailureKind, number>
  return {
    count: (kind, message) => {
      counts[kind] += 1
      try {
        onFailure?.(kind, message)
      } catch {
        // a log that throws must not stop what it is told of
      }
    },
    counts: () => ({ ...counts }),
  }
}
