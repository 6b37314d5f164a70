/** Callbacks: the WebSocket that clients register on, and the questions that expectations have for them. */
import type {
  AskClient,
  AskForPlan,
  CallbackPlan,
  ForwardPlan,
  MockResponse,
  Respond,
  SentRequest,
  WholeAnswer,
} from '../action.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { headerValue, withoutHopByHop } from '../http1/response.ts'
import { asksForWebSocket, handshakeProblem, type WebSocket, type WebSockets } from '../websocket.ts'
import type { CallbackClients, ClientSocket, Waited } from './callback-clients.ts'
import { answeredMessage, requestMessage } from './callback-messages.ts'
import type { Callers } from './caller.ts'
import { type Json, requestJson, responseJson } from './message-json.ts'
import type { Documents, Limits, Registry } from './ports.ts'
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
  readonly documents: Pick<Documents, 'request' | 'response'>
  readonly limits: Pick<Limits, 'version' | 'bodyLimit'>
  readonly callers: Callers
}

export interface Callbacks {
  /** Answers the exchange, if it asks for the channel of the callbacks. */
  take(exchange: HttpExchange): boolean
  readonly askForResponse: AskClient
  readonly askForPlan: AskForPlan
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

/** What a request is told whose callback has led to nothing that can be used. */
const failed = (clientId: string, waited: Waited): MockResponse => {
  const who = `callback client "${clientId}"`
  switch (waited.kind) {
    case 'failure':
      return plain(404, 'callback_failed', waited.message)
    case 'absent':
      return plain(404, 'callback_absent', `understudy: no ${who} is connected`)
    case 'gone':
      return plain(502, 'callback_gone', `understudy: ${who} went before it answered`)
    case 'request':
    case 'response':
      return plain(502, 'callback_invalid', `understudy: ${who} answered with a ${waited.kind} out of place`)
    case 'full':
      return plain(503, 'callback_full', `understudy: too many requests wait for ${who}`)
    case 'late':
      return plain(504, 'callback_timeout', `understudy: ${who} did not answer in time (callbackTimeoutMs)`)
  }
}

const invalid = (clientId: string, what: 'request' | 'response', problems: readonly string[]): MockResponse => {
  const list = problems.map((problem) => `\n - ${problem}`).join('')
  return plain(502, 'callback_invalid', `understudy: what callback client "${clientId}" answered is no ${what}:${list}`)
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
  const { clients, webSockets, onTooLarge, newId, documents, limits, callers } = options

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
    const read = documents.response(waited.value)
    return 'value' in read ? read.value : invalid(clientId, 'response', read.problems)
  }
  /** Shows the client the answer to the request that it has had sent on, and answers with what it says. */
  const rewriteBy =
    (clientId: string, request: Json) =>
    ({ statusCode, reasonPhrase: reason, headers, body }: WholeAnswer): Promise<MockResponse> => {
      const kept = withoutHopByHop(headers, 'response')
      const response = responseJson({ statusCode, reason, headers: kept, body, isCut: false, bodyBytes: body.length })
      return new Promise((resolve) => {
        const write = (correlationId: string): string => answeredMessage(request, response, correlationId)
        clients.ask(clientId, write, (waited) => resolve(responseOf(clientId, waited)))
      })
    }
  const planOf = ({ clientId, seesAnswer }: CallbackPlan, waited: Waited): ForwardPlan | Respond => {
    // An answer in place of a request is one: there is nothing to be sent on.
    if (waited.kind === 'response') return { kind: 'respond', response: responseOf(clientId, waited) }
    if (waited.kind !== 'request') return { kind: 'respond', response: failed(clientId, waited) }
    const read = documents.request(waited.value)
    if ('problems' in read) return { kind: 'respond', response: invalid(clientId, 'request', read.problems) }
    return seesAnswer ? { ...read.value, response: { rewrite: rewriteBy(clientId, waited.value) } } : read.value
  }
  /** Sends the client the request, and gives what comes of it. */
  const send = (clientId: string, sent: SentRequest, then: (waited: Waited | 'too_large') => void): (() => void) => {
    const { body } = sent
    if (body === 'unavailable') {
      then('too_large')
      return () => undefined
    }
    const request = asJson({ ...sent, body })
    return clients.ask(clientId, (correlationId) => requestMessage(request, correlationId), then)
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
    askForResponse: (clientId, sent, then) =>
      send(clientId, sent, (waited) => then(waited === 'too_large' ? TOO_LARGE : responseOf(clientId, waited))),
    askForPlan: (callback, sent, waits) =>
      new Promise((resolve) => {
        const stop = send(callback.clientId, sent, (waited) =>
          resolve(waited === 'too_large' ? { kind: 'respond', response: TOO_LARGE } : planOf(callback, waited)),
        )
        waits(stop)
      }),
    registry: { reset: clients.clear, cleared: () => undefined },
  }
}
