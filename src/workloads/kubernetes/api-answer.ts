/** The answer to one call, as undici tells of it: limits of time and size, and what a status that is no success says. */
import type { Dispatcher } from 'undici'
import type { ApiCall, ApiSink, OpenCall } from './api-client.ts'
import { createByteStore } from './byte-store.ts'
import type { Clock } from './clock.ts'
import { failureOf, networkFailure, statusFailure, statusTextFailure, type Where } from './explain-failure.ts'
import type { ApiFailure } from './failure.ts'

export interface AnswerLimits {
  /** The longest that nothing may come, milliseconds. */
  readonly idleMs: number
  /** The longest that all of it may take, milliseconds. */
  readonly totalMs: number
}

export interface Answer extends OpenCall {
  readonly handler: Dispatcher.DispatchHandler
}

export interface Asked {
  readonly call: ApiCall
  readonly where: Where
  readonly clock: Clock
}

/** What is read of an answer that is no success. */
const MOST_STATUS_BYTES = 64 * 1024

/** Calls back when the call is idle or takes too long; `heard` tells it of each sign of life. */
const watchTime = (clock: Clock, { idleMs, totalMs }: AnswerLimits, late: (isIdle: boolean) => void) => {
  const startedAtMs = clock.now()
  let heardAtMs = startedAtMs
  let cancel: () => void
  const arm = (): void => {
    const now = clock.now()
    const leftMs = Math.min(heardAtMs + idleMs, startedAtMs + totalMs) - now
    // A clock that was set back only makes this wait longer, at most for the limit itself.
    cancel = clock.setTimer(check, Math.max(1, Math.min(leftMs, idleMs)))
  }
  const check = (): void => {
    const now = clock.now()
    if (now - heardAtMs >= idleMs) late(true)
    else if (now - startedAtMs >= totalMs) late(false)
    else arm()
  }
  arm()
  return {
    heard: () => {
      heardAtMs = clock.now()
    },
    stop: () => cancel(),
  }
}

/** `over` is called before `done`, with the same. */
export const createAnswer = (
  { call, where, clock }: Asked,
  sink: ApiSink,
  over: (failure: ApiFailure | undefined) => void,
): Answer => {
  let controller: Dispatcher.DispatchController | undefined
  let isOver = false
  let refused: { readonly code: number; readonly retryAfter: unknown } | undefined
  const body = createByteStore(MOST_STATUS_BYTES)

  const finish = (failure?: ApiFailure): void => {
    if (isOver) return
    isOver = true
    time.stop()
    controller?.abort(new Error('no longer wanted'))
    over(failure)
    queueMicrotask(() => sink.done(failure))
  }
  const refusal = ({ code, retryAfter }: NonNullable<typeof refused>): ApiFailure =>
    statusTextFailure(code, body.takeText(), retryAfter, clock.now(), call, where)
  const time = watchTime(clock, call, (isIdle) => {
    const what = isIdle ? `nothing came for ${call.idleMs} ms` : `it took longer than ${call.totalMs} ms`
    finish(failureOf(isIdle && call.verb === 'watch' ? 'stalled' : 'timeout', what, call, where))
  })

  return {
    abort: finish,
    failure: (kind, what) => failureOf(kind, what, call, where),
    statusFailure: (code, status) => statusFailure(code, status, undefined, clock.now(), call, where),
    handler: {
      onRequestStart: (started) => {
        controller = started
        if (isOver) started.abort(new Error('no longer wanted'))
      },
      onResponseStart: (_, code, headers) => {
        if (isOver || code < 200) return
        time.heard()
        const encoding = headers['content-encoding']
        if (code >= 300) refused = { code, retryAfter: headers['retry-after'] }
        else if (encoding !== undefined && encoding !== 'identity')
          finish(
            failureOf('malformed', `the answer is encoded as ${String(encoding)}, which nobody asked for`, call, where),
          )
        else sink.begin()
      },
      onResponseData: (_, chunk) => {
        if (isOver) return
        time.heard()
        if (!refused) sink.data(chunk)
        else if (!body.append(chunk)) finish(refusal(refused))
      },
      onResponseEnd: () => {
        controller = undefined // its connection may serve the next call
        if (!isOver) finish(refused && refusal(refused))
      },
      onResponseError: (_, error) => {
        controller = undefined
        if (!isOver) finish(refused ? refusal(refused) : networkFailure(error, call, where))
      },
    },
  }
}
