/** Sends the requests of a case to a server, one after the other over one connection. */
import { Agent, type IncomingMessage, request } from 'node:http'
import { type Answer, type Case, type Step, UPSTREAM } from './exchange.ts'

/** A server that says nothing for so long says nothing. */
const ANSWER_MS = 8000

const bodyOf = (bytes: Buffer): string | { base64: string } => {
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : { base64: bytes.toString('base64') }
}

/** A body of a step or an answer as bytes. */
export const bytesOf = (body: Step['body']): Buffer | undefined => {
  if (body === undefined) return undefined
  return typeof body === 'string' ? Buffer.from(body, 'utf8') : Buffer.from(body.base64, 'base64')
}

const headersOf = ({ rawHeaders }: IncomingMessage): Record<string, string[]> => {
  const headers: Record<string, string[]> = {}
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase()
    headers[name] ??= []
    headers[name].push(rawHeaders[at + 1] ?? '')
  }
  return headers
}

const answerOf = async (response: IncomingMessage): Promise<Answer> => {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const { statusCode: status = 0, statusMessage: reason = '' } = response
  return { status, reason, headers: headersOf(response), body: bodyOf(Buffer.concat(chunks)) }
}

export interface Asker {
  ask(step: Step): Promise<Answer>
  /** All answers of a case, after a reset. */
  answers(one: Case): Promise<readonly Answer[]>
  close(): void
}

const RESET: Step = { method: 'PUT', target: '/mockserver/reset' }

/** Asks the server at that port of this machine. `upstreamPort`: of the server that it is told to forward to. */
export const createAsker = (port: number, upstreamPort: number): Asker => {
  const said = (text: string): string =>
    text.replaceAll(`"${UPSTREAM}"`, `${upstreamPort}`).replaceAll(UPSTREAM, `${upstreamPort}`)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = ({ method, target, headers = [], body }: Step): Promise<Answer> =>
    new Promise((resolve) => {
      const bytes = bytesOf(typeof body === 'string' ? said(body) : body)
      const sent = request({ host: '127.0.0.1', port, method, path: target, agent, timeout: ANSWER_MS })
      for (const name of new Set(headers.map(([name]) => name))) {
        sent.setHeader(
          name,
          headers.filter((one) => one[0] === name).map(([, value]) => said(value)),
        )
      }
      if (bytes) sent.setHeader('content-length', bytes.length)
      sent.on('response', (response) => answerOf(response).then(resolve, () => resolve({ failed: 'cut short' })))
      sent.on('timeout', () => {
        resolve({ failed: 'no answer' })
        sent.destroy()
      })
      sent.on('error', () => resolve({ failed: 'closed' }))
      sent.end(bytes)
    })
  return {
    ask,
    answers: async ({ steps }) => {
      await ask(RESET)
      const answers: Answer[] = []
      for (const step of steps) answers.push(await ask(step))
      return answers
    },
    close: () => agent.destroy(),
  }
}
