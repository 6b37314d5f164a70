/** Queries over TCP to one resolver, over one connection that is opened when it is needed and again after it was closed. */
import type { Socket } from 'node:net'
import { createUnframer, framed } from './framing.ts'
import { type Ask, createPending, type Pending } from './pending.ts'

export interface TcpUpstream {
  readonly ask: Ask
  close(): void
}

interface Connection {
  readonly socket: Socket
  readonly pending: Pending
}

/** `dial` begins to connect to the resolver, from where the workload lives. */
export const createTcpUpstream = (dial: () => Socket): TcpUpstream => {
  let current: Connection | undefined
  let isClosed = false

  const open = (): Connection => {
    const socket = dial()
    const pending = createPending(() => {
      if (pending.size() === 0) socket.destroy()
    })
    const unframe = createUnframer()
    let hasAnswered = false
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      for (const message of unframe(chunk)) if (pending.take(message)) hasAnswered = true
    })
    socket.on('error', () => {}) // 'close' follows
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      if (current?.socket === socket) current = undefined
      // RFC 7766 6.2.4: a server may close a connection that it took for idle; what it left is asked again.
      for (const { query, question, timeoutMs, done } of pending.drain()) {
        if (hasAnswered && !isClosed) ask(query, question, timeoutMs, done)
        else done({ kind: 'failed', why: 'unreachable' })
      }
    })
    return { socket, pending }
  }
  const ask: Ask = (query, question, timeoutMs, done) => {
    current ??= open()
    const message = current.pending.add({ query, question, timeoutMs, done })
    if (message) current.socket.write(framed(message))
    else done({ kind: 'failed', why: 'unreachable' })
  }
  return {
    ask,
    close() {
      isClosed = true
      current?.socket.destroy()
    },
  }
}
