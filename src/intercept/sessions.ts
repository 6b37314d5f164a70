/** All HTTP sessions of a data plane: made here, watched for their deadlines by one timer, drained together. */
import type { Socket } from 'node:net'
import { HttpSession } from './http1-session.ts'
import type { SessionEvents, SessionOptions } from './session-options.ts'

export interface Sessions {
  serve(socket: Socket, first: Buffer, events: Omit<SessionEvents, 'closed'>): void
  /** Checks the deadlines of all; to be called about once a second. */
  tick(nowMs: number): void
  /**
   * Closes idle connections now, and every other one after its exchange; new ones get one exchange. Gently, idle ones get
   * one more, too.
   */
  drain(isGentle?: boolean): void
  readonly size: number
}

export const createSessions = (options: SessionOptions): Sessions => {
  const open = new Set<HttpSession>()
  let draining: 'no' | 'gently' | 'now' = 'no'
  return {
    serve: (socket, first, events) => {
      const session = new HttpSession(socket, options, {
        exchange: events.exchange,
        malformed: events.malformed,
        closed: () => void open.delete(session),
      })
      open.add(session)
      session.begin(first)
      if (draining !== 'no') session.drain(draining === 'gently')
    },
    tick: (nowMs) => {
      for (const session of open) session.tick(nowMs)
    },
    drain: (isGentle = false) => {
      draining = isGentle ? 'gently' : 'now'
      for (const session of open) session.drain(isGentle)
    },
    get size() {
      return open.size
    },
  }
}
