/** A callback client that says what a test wants it to. */
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { WebSocket } from 'ws'

export type Json = Readonly<Record<string, unknown>>

export interface Message {
  readonly type: string
  readonly value: Json
}

export interface TestClient {
  readonly socket: WebSocket
  readonly id: string
  /** Of the handshake's answer. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The code it was closed with. */
  readonly closed: Promise<number>
  /** The next message that has not been given yet. */
  next(): Promise<Message>
  send(type: string, value: Json): void
}

export const REQUEST = 'org.mockserver.model.HttpRequest'
export const BOTH = 'org.mockserver.model.HttpRequestAndHttpResponse'
export const RESPONSE = 'org.mockserver.model.HttpResponse'
export const ERROR = 'org.mockserver.serialization.model.WebSocketErrorDTO'

/** The correlation of a request. */
export const correlationOf = ({ value }: Message): string =>
  String((value['headers'] as Record<string, string[]>)['WebSocketCorrelationId']?.[0])

export const connectClient = async (t: TestContext, port: number, id?: string): Promise<TestClient> => {
  const headers = id === undefined ? {} : { 'X-CLIENT-REGISTRATION-ID': id }
  const socket = new WebSocket(`ws://127.0.0.1:${port}/_mockserver_callback_websocket`, { headers })
  t.after(() => socket.terminate())
  const queue: Message[] = []
  socket.on('message', (data) => {
    const { type, value } = JSON.parse(data.toString())
    queue.push({ type, value: JSON.parse(value) })
    socket.emit('queued')
  })
  const next = async (): Promise<Message> => {
    while (queue.length === 0) await once(socket, 'queued')
    return queue.shift() as Message
  }
  const closed = new Promise<number>((resolve) => socket.on('close', resolve))
  const upgraded = once(socket, 'upgrade')
  const [answer] = await upgraded
  const first = await next()
  return {
    socket,
    id: String(first.value['clientId']),
    headers: answer.headers,
    closed,
    next,
    send: (type, value) => socket.send(JSON.stringify({ type, value: JSON.stringify(value) })),
  }
}
