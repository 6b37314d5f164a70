/** Callbacks: the WebSocket that clients register on, and the questions that expectations have for them. */
import type { AskClient, MockResponse, SentRequest } from '../action.ts'
import type { Read } from '../decide/matching/filter.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { headerValue } from '../http1/response.ts'
import { asksForWebSocket, handshakeProblem, type WebSocket, type WebSockets } from '../websocket.ts'
import type { CallbackClients, ClientSocket, Waited } from './callback-clients.ts'
import { requestMessage } from './callback-messages.ts'
import type { Callers } from './caller.ts'
import { requestJson } from './message-json.ts'
import type { Limits, Registry } from './ports.ts'
import { type Answering, type Reply, sendReply, TEXT, text } from './reply.ts'

/** There is none with the prefix. */
const PATH = '/_mockserver_callback_websocket'
const ID_HEADER = 'x-client-registration-id'
const ID_CHARACTERS = 256
const TRY_LATER = 1013

export interface CallbacksOptions {
  readonly clients: CallbackClients
  readonly webSockets: WebSockets
  readonly onTooLarge: () => void
  readonly newId: () => string
  readonly readResponse: (given: unknown) => Read<MockResponse>
  readonly limits: Pick<Limits, 'version' | 'bodyLimit'>
  readonly callers: Callers
}

export interface Callbacks {
  /** Answers the exchange, if it asks for the channel of the callbacks. */
  take(exchange: HttpExchange): boolean
  readonly askForResponse: AskClient
  /** A reset ends the connections of all clients. */
  readonly registry: Registry
}

const plain = (statusCode: number, reason: string, why: string): MockResponse => ({
  statusCode,
  headers: ['content-type', TEXT, 'x-understudy-reason', reason],
  body: Buffer.from(why, 'utf8'),
  delayMs: 0,
})

/** A request in the form of the log. */
const asJson = ({ head, body, client, local }: SentRequest & { readonly body: Buffer }) =>
  requestJson(
    { head, client, local, body: { bytes: body, held: body.length, total: body.length, isCut: false } },
    'full',
    true,
  )

const TOO_LARGE = plain(
  413,
  'callback_body',
  'understudy: the body is larger than bodyMatchBytes, so that the callback client cannot be shown it',
)

/** What a request is told whose callback has led to no response. */
const failed = (clientId: string, waited: Exclude<Waited, { kind: 'response' }>): MockResponse => {
  const who = `callback client "${clientId}"`
  switch (waited.kind) {
    case 'failure':
      return plain(404, 'callback_failed', waited.message)
    case 'absent':
      return plain(404, 'callback_absent', `understudy: no ${who} is connected`)
    case 'gone':
      return plain(502, 'callback_gone', `understudy: ${who} went before it answered`)
    case 'request':
      return plain(502, 'callback_invalid', `understudy: ${who} answered with a request in place of a response`)
    case 'full':
      return plain(503, 'callback_full', `understudy: too many requests wait for ${who}`)
    case 'late':
      return plain(504, 'callback_timeout', `understudy: ${who} did not answer in time (callbackTimeoutMs)`)
  }
}

const clientSocket = (socket: WebSocket): ClientSocket => ({
  get bufferedAmount() {
    return socket.bufferedAmount
  },
  send: (message) => socket.send(message),
  close: (code, why) => socket.close(code, why),
})

const refusal = ({ request: { head } }: HttpExchange, callers: Callers): Reply | undefined => {
  const refused = callers.refuse(head, false)
  if (refused) return refused
  if (!asksForWebSocket(head))
    return { ...text(426, `${PATH} speaks WebSocket only`), headers: ['upgrade', 'websocket'] }
  const problem = handshakeProblem(head)
  if (problem !== undefined) return text(400, problem)
  const isLong = (headerValue(head.headers, ID_HEADER) ?? '').length > ID_CHARACTERS
  return isLong ? text(400, `${ID_HEADER} has more than ${ID_CHARACTERS} characters`) : undefined
}

export const createCallbacks = (options: CallbacksOptions): Callbacks => {
  const { clients, webSockets, onTooLarge, newId, readResponse, limits, callers } = options

  const accept = (exchange: HttpExchange): void => {
    const id = headerValue(exchange.request.head.headers, ID_HEADER) || newId()
    const socket = webSockets.accept(exchange, {
      headers: [ID_HEADER, id],
      maxMessageBytes: limits.bodyLimit,
      onTooLarge,
    })
    if (!socket) return
    const client = clients.add(clientSocket(socket), id)
    if (!client) return socket.close(TRY_LATER, 'too many callback clients (callbackClients)')
    socket.on('message', (data, isBinary) => client.message(isBinary ? '' : data.toString()))
    socket.on('close', client.gone)
  }
  const responseOf = (clientId: string, waited: Waited): MockResponse => {
    if (waited.kind !== 'response') return failed(clientId, waited)
    const read = readResponse(waited.value)
    if ('value' in read) return read.value
    const problems = read.problems.map((problem) => `\n - ${problem}`).join('')
    return plain(
      502,
      'callback_invalid',
      `understudy: what callback client "${clientId}" answered is no response:${problems}`,
    )
  }

  return {
    take: (exchange) => {
      const { head } = exchange.request
      if (head.path !== PATH || !head.target.startsWith('/')) return false
      const reply = refusal(exchange, callers)
      const how: Answering = { version: limits.version, isDeprecated: false, origin: callers.originOf(head) }
      if (reply) sendReply(exchange, reply, how)
      else accept(exchange)
      return true
    },
    askForResponse: (clientId, sent, then) => {
      const { body } = sent
      if (body === 'unavailable') {
        then(TOO_LARGE)
        return () => undefined
      }
      const write = (correlationId: string): string => requestMessage(asJson({ ...sent, body }), correlationId)
      return clients.ask(clientId, write, (waited) => then(responseOf(clientId, waited)))
    },
    registry: { reset: clients.clear, cleared: () => undefined },
  }
}
