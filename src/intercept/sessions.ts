/** All HTTP sessions of a data plane: made here, watched for their deadlines by one timer, drained together. */
import type { Socket } from 'node:net'
import type { HttpExchange } from '../http1/exchange.ts'
import { HttpSession, type SessionOptions } from './http1-session.ts'

export interface Sessions {
  serve(
    socket: Socket,
    first: Buffer,
    events: {
      exchange(exchange: HttpExchange): void
      malformed(status: number, why: string, startedAtMs: number): void
    },
  ): void
  tick(nowMs: number): void
  drain(): void
}

export const createSessions = (options: SessionOptions): Sessions => {
  const open = new Set<HttpSession>()
  return {
    serve: (socket, first, events) => {
      const session = new HttpSession(socket, options, {
        ...events,
        closed: () => void open.delete(session),
      })
      open.add(session)
      session.begin(first)
    },
    tick: (nowMs) => {
      for (const session of open) session.tick(nowMs)
    },
    drain: () => {
      for (const session of open) session.drain()
    },
  }
}
