/**
 * The clients of MockServer that are connected to answer requests themselves, and the requests that wait for them. A wait
 * always ends: with an answer, with the client, or in time.
 */
import { type ClientMessage, clientIdMessage, readMessage } from './callback-messages.ts'

/** The connection of one client. */
export interface ClientSocket {
  readonly bufferedAmount: number
  send(text: string): void
  close(code: number, why: string): void
}

/** How a wait ended. */
export type Waited =
  | Extract<ClientMessage, { readonly kind: 'response' | 'request' | 'failure' }>
  /** No such client, or it went; too many wait for it; it took too long. */
  | { readonly kind: 'absent' | 'gone' | 'full' | 'late' }

export interface CallbackClientsOptions {
  readonly maxClients: number
  /** Most requests that wait for one client. */
  readonly maxWaiting: number
  /** Most bytes of messages that one client has not taken. */
  readonly maxUnsentBytes: number
  readonly timeoutMs: number
  readonly newId: () => string
  readonly onLimit: (limit: 'callback_clients' | 'callback_waiting') => void
}

export interface Client {
  readonly id: string
  message(text: string): void
  gone(): void
}

export interface CallbackClients {
  /** Registers a client by that id, or a new one; undefined where there is no room. A later one of the same id takes its place. */
  add(socket: ClientSocket, id: string | undefined): Client | undefined
  /** Sends a client what `write` makes, and calls `done` once; may do so at once. Returns how to wait no longer. */
  ask(clientId: string, write: (correlationId: string) => string, done: (waited: Waited) => void): () => void
  /** Ends the connections of all of them. */
  clear(): void
}

interface Waiting {
  readonly timer: NodeJS.Timeout
  readonly done: (waited: Waited) => void
}

interface Connected {
  readonly id: string
  readonly socket: ClientSocket
  readonly waiting: Map<string, Waiting>
}

const UNREADABLE = 1007
const GOING_AWAY = 1001
const nothing = (): void => undefined

export const createCallbackClients = (options: CallbackClientsOptions): CallbackClients => {
  const { maxClients, maxWaiting, maxUnsentBytes, timeoutMs, newId, onLimit } = options
  const all = new Set<Connected>()
  const byId = new Map<string, Connected>()

  const settle = ({ waiting }: Connected, correlationId: string, waited: Waited): void => {
    const one = waiting.get(correlationId)
    if (!one) return // it came too late
    waiting.delete(correlationId)
    clearTimeout(one.timer)
    one.done(waited)
  }
  const drop = (connected: Connected): void => {
    if (!all.delete(connected)) return
    if (byId.get(connected.id) === connected) byId.delete(connected.id)
    for (const correlationId of [...connected.waiting.keys()]) settle(connected, correlationId, { kind: 'gone' })
  }

  return {
    add: (socket, given) => {
      if (all.size >= maxClients) {
        onLimit('callback_clients')
        return undefined
      }
      const id = given ?? newId()
      const connected: Connected = { id, socket, waiting: new Map() }
      all.add(connected)
      byId.set(id, connected)
      socket.send(clientIdMessage(id))
      return {
        id,
        message: (text) => {
          const read = readMessage(text)
          if (read.kind === 'bad') {
            // Nobody can tell which request it was meant for: none of them is left to wait.
            socket.close(UNREADABLE, read.why.slice(0, 100))
            drop(connected)
          } else if (read.kind !== 'other') settle(connected, read.correlationId, read)
        },
        gone: () => drop(connected),
      }
    },
    ask: (clientId, write, done) => {
      const connected = byId.get(clientId)
      if (!connected) {
        done({ kind: 'absent' })
        return nothing
      }
      const { waiting, socket } = connected
      if (waiting.size >= maxWaiting || socket.bufferedAmount > maxUnsentBytes) {
        onLimit('callback_waiting')
        done({ kind: 'full' })
        return nothing
      }
      const correlationId = newId()
      const timer = setTimeout(() => settle(connected, correlationId, { kind: 'late' }), timeoutMs)
      waiting.set(correlationId, { timer, done })
      socket.send(write(correlationId))
      return () => {
        clearTimeout(timer)
        waiting.delete(correlationId)
      }
    },
    clear: () => {
      for (const connected of [...all]) {
        connected.socket.close(GOING_AWAY, 'reset')
        drop(connected)
      }
    },
  }
}
