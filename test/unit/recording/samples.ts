/** Recorded pairs for tests, in few words. */
import { randomBytes } from 'node:crypto'
import { redacted } from '../../../src/content/hashed.ts'
import { KeptBytes } from '../../../src/control/kept-bytes.ts'
import { type LoggedExchange, OpenExchange } from '../../../src/control/logged-exchange.ts'
import { type Pair, pairOf } from '../../../src/recording/pair.ts'
import { createSecrets } from '../../../src/recording/secrets.ts'

export const SALT = '0123456789abcdef'
export const secrets = createSecrets((secret) => redacted(secret, SALT))

export interface Sample {
  readonly headers?: readonly string[]
  readonly body?: string | Buffer
  readonly status?: number
  readonly answer?: string | Buffer
  readonly answerHeaders?: readonly string[]
}

const keptOf = (bytes: string | Buffer): KeptBytes => {
  const kept = new KeptBytes(1e9)
  kept.take(Buffer.from(bytes))
  return kept
}

/** `exchange('GET /a?b=1', { answer: '{}' })`, from its log entry on. */
export const logged = (line: string, sample: Sample = {}): LoggedExchange => {
  const {
    headers = [],
    body = '',
    status = 200,
    answer = 'ok',
    answerHeaders = ['content-type', 'text/plain'],
  } = sample
  const [method = '', target = ''] = line.split(' ')
  const [path = '', query = ''] = target.split('?')
  const local = { address: '127.0.0.1', port: 80 }
  const entry = new OpenExchange({
    head: { method, target, path, query, httpVersion: '1.1', headers: ['Host', 'orders.test', ...headers] },
    body: keptOf(body),
    client: { address: '127.0.0.1', port: 40_000 },
    local,
    receivedAtMs: 0,
    decision: 'forward',
    expectationId: undefined,
  })
  entry.response = {
    kind: 'streamed',
    statusCode: status,
    reason: undefined,
    headers: [...answerHeaders, 'date', 'Sat, 28 Nov 2026 01:00:00 GMT', 'content-length', `${answer.length}`],
    body: keptOf(answer),
  }
  entry.answeredAtMs = 1
  return entry
}

/** Throws where nothing would be recorded. */
export const pair = (line: string, sample: Sample = {}): Pair => {
  const made = pairOf(logged(line, sample), secrets)
  if (!made) throw new Error('not recorded')
  return made
}

export const JSON_TYPE = ['content-type', 'application/json']
export const hex = (bytes: number): string => randomBytes(bytes).toString('hex')
