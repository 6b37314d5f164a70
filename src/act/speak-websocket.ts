/** Answers a handshake and speaks WebSocket: messages of an expectation, and answers to the frames of the client. */
import type { SpeakWebSocket, WebSocketMessage, WebSocketRule } from '../action.ts'
import { drawDelayMs } from '../decide/draw-delay.ts'
import type { Outcome } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { asksForWebSocket, handshakeProblem, type WebSocket, type WebSockets } from '../websocket.ts'
import { after } from './delay.ts'
import { type Done, nowMs } from './finish.ts'
import { respond } from './respond.ts'

export interface WebSocketPorts {
  readonly webSockets: WebSockets
  /** Most bytes of one message of the client. */
  readonly maxMessageBytes: number
  readonly onTooLarge: () => void
}

const NORMAL = 1000
/** Frames that may wait for their answers before no more are read. */
const MAX_PENDING = 64

const refuse = (exchange: HttpExchange, done: Done): void => {
  const { head } = exchange.request
  const asks = asksForWebSocket(head)
  const why = asks ? handshakeProblem(head) : 'this expectation speaks WebSocket only'
  const headers = ['content-type', 'text/plain; charset=utf-8', ...(asks ? [] : ['upgrade', 'websocket'])]
  const body = Buffer.from(`understudy: ${why}\n`)
  respond(exchange, { statusCode: asks ? 400 : 426, headers, body, delayMs: 0 }, done)
}

interface SenderEvents {
  sent(bytes: number): void
  /** A list is through; so many are left. */
  through(left: number): void
}

/** Sends lists of messages, one after the other and each message after its delay. */
const createSender = (socket: WebSocket, events: SenderEvents) => {
  const pending: (readonly WebSocketMessage[])[] = []
  let timer: NodeJS.Timeout | undefined
  let at = 0
  /** The message that is due; lists that are through make way. */
  const due = (): WebSocketMessage | undefined => {
    for (let [list] = pending; list; [list] = pending) {
      const message = list[at++]
      if (message) return message
      pending.shift()
      at = 0
      events.through(pending.length)
    }
    return undefined
  }
  const next = (): void => {
    const message = due()
    if (!message) return
    // Only when one has left, the next is due: what a client does not take does not pile up here.
    const send = (): void =>
      socket.send(message.data, (error) => {
        if (error) return
        events.sent(Buffer.byteLength(message.data))
        next()
      })
    const delayMs = drawDelayMs(message.delayMs, Math.random)
    if (delayMs === 0) send()
    else timer = setTimeout(send, delayMs)
  }
  return {
    get pending() {
      return pending.length
    },
    add: (list: readonly WebSocketMessage[]): void => {
      if (pending.push(list) === 1) next()
    },
    stop: (): void => {
      clearTimeout(timer)
      pending.length = 0
    },
  }
}

const fits = ({ frames, matches }: WebSocketRule, kind: WebSocketRule['frames'], text: string | undefined): boolean =>
  (frames === 'any' || frames === kind) && (matches === undefined || (text !== undefined && matches(text)))

const converse = (socket: WebSocket, action: SpeakWebSocket, startedAtMs: number, done: Done): void => {
  const { messages, rules, stays } = action
  let received = 0
  let sent = 0
  const sender = createSender(socket, {
    sent: (bytes) => {
      sent += bytes
    },
    through: (left) => {
      if (left < MAX_PENDING && socket.isPaused) socket.resume()
      if (rules.length === 0 && !stays) socket.close(NORMAL, 'Bye')
    },
  })
  const frame = (kind: WebSocketRule['frames'], data: Buffer): void => {
    received += data.length
    const text = kind === 'text' ? data.toString() : undefined
    const rule = rules.find((one) => fits(one, kind, text))
    if (!rule) return
    sender.add(rule.responses)
    if (sender.pending >= MAX_PENDING) socket.pause()
  }
  socket.on('message', (data, isBinary) => frame(isBinary ? 'binary' : 'text', data as Buffer))
  socket.on('ping', (data) => frame('ping', data))
  socket.on('pong', (data) => frame('pong', data))
  socket.on('close', (code) => {
    sender.stop()
    const fault: Pick<Outcome, 'fault'> = code === 1006 ? { fault: 'client_closed' } : {}
    done({ status: 101, ...fault, requestBytes: received, responseBytes: sent, durationMs: nowMs() - startedAtMs })
  })
  sender.add(messages)
}

/** The exchange lasts until the connection ends. A request that is no handshake is told so. */
export const speakWebSocket = (
  exchange: HttpExchange,
  action: SpeakWebSocket,
  { webSockets, maxMessageBytes, onTooLarge }: WebSocketPorts,
  done: Done,
): void =>
  after(exchange, action.delayMs, done, () => {
    if (handshakeProblem(exchange.request.head) !== undefined) return refuse(exchange, done)
    const { startedAtMs } = exchange
    const { subprotocol } = action
    const socket = webSockets.accept(exchange, { subprotocol, maxMessageBytes, onTooLarge })
    if (socket) return converse(socket, action, startedAtMs, done)
    done({ fault: 'client_closed', requestBytes: 0, responseBytes: 0, durationMs: nowMs() - startedAtMs })
  })
