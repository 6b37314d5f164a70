/** What must differ between two servers that do the same, and is taken out of answers before they are compared. */
import { prettyJson } from '../../../src/decide/matching/pretty-json.ts'
import { type Answer, type Answered, UPSTREAM } from './exchange.ts'

interface Normalisation {
  /** What is taken out, and why it may. */
  readonly reason: string
  readonly text: (text: string) => string
}

const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g

/** The same one is the same mark, so that an id that is used twice still is. */
const marked = (text: string, pattern: RegExp, mark: string): string => {
  const seen = new Map<string, number>()
  return text.replace(pattern, (found) => {
    const number = seen.get(found) ?? seen.size + 1
    seen.set(found, number)
    return `<${mark} ${number}>`
  })
}

/** The ports of a server, and of the one it forwards to. */
export interface Ports {
  readonly port: number
  readonly upstreamPort: number
}

/** The port of a server stands in every request that it recorded. */
const normalisations = ({ port, upstreamPort }: Ports): readonly Normalisation[] => [
  { reason: 'ids that nobody gave are random', text: (text) => marked(text, UUID, 'id') },
  {
    reason: 'the time is that of the run',
    text: (text) =>
      text
        .replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\b/g, '<time>')
        .replace(/("(?:epochTime|startedDateTime|time)" : )(?:[\d.]+|"[^"]*")/g, '$1"<time>"'),
  },
  {
    reason: 'each server has a port of its own',
    text: (text) => text.replaceAll(`127.0.0.1:${port}`, '<server>').replace(/("ports" : )\[ \d+ \]/, '$1[ <port> ]'),
  },
  {
    reason: 'that to which is forwarded has another port in each run',
    text: (text) =>
      text
        .replaceAll(`127.0.0.1:${upstreamPort}`, `127.0.0.1:${UPSTREAM}`)
        .replaceAll(`localhost:${upstreamPort}`, `localhost:${UPSTREAM}`)
        .replaceAll(`"port" : ${upstreamPort}`, `"port" : "${UPSTREAM}"`),
  },
  {
    reason: 'each says which MockServer it is, or says to be',
    text: (text) => text.replace(/("version" : )"[\d.]+"/, '$1"<version>"'),
  },
  {
    reason: 'the client has another port on each connection',
    text: (text) => text.replace(/("remoteAddress" : )"127\.0\.0\.1:\d+"/g, '$1"<client>"'),
  },
]

const header = (name: string, value: string, body: Answered['body']): string => {
  // Each says which MockServer it is, or says to be.
  if (name === 'version') return '<version>'
  // The moment at which a limit starts anew, in seconds.
  if (name === 'x-ratelimit-reset') return '<time>'
  // How long a body is follows from it; a wrong length has failed already. The bodies are compared,
  // but for those of HEAD, which are not sent.
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : Buffer.from(body.base64, 'base64').length
  return name === 'content-length' && (bytes === 0 || value === `${bytes}`) ? '<body>' : value
}

/** Maps whose names have no order. */
const MAPS = new Set(['headers', 'queryStringParameters', 'pathParameters', 'cookies'])

const sorted = (value: unknown, key = ''): unknown => {
  if (Array.isArray(value)) return value.map((item) => sorted(item))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, item]) => [name, sorted(item, name)] as const)
  return Object.fromEntries(MAPS.has(key) ? entries.toSorted(([a], [b]) => (a < b ? -1 : 1)) : entries)
}

/** Names in the order of a hash are as good as those in the order given. Only of JSON that is laid out as expected. */
const withSortedMaps = (text: string): string => {
  try {
    const value: unknown = JSON.parse(text)
    return prettyJson(value) === text ? prettyJson(sorted(value)) : text
  } catch {
    return text
  }
}

/** The same of the documents in the answer of a failed verification. */
const withSortedMapsIn = (text: string): string => {
  const parts =
    /^([A-Z][^\n]* not found[^\n]*?, expected:<)(.*?)(> but was:<)(.*?)(>(?:\n\nclosest match diff:\n.*)?)$/s.exec(text)
  if (!parts) return withSortedMaps(text)
  const [, claim = '', expected = '', between = '', found = '', end = ''] = parts
  return `${claim}${withSortedMaps(expected)}${between}${withSortedMaps(found)}${end}`
}

/** An answer without what is of its server and its moment. Changes nothing where it has been done already. */
export const normalised = (answer: Answer, ports: Ports): Answer => {
  if ('failed' in answer) return answer
  const text = (given: string): string => normalisations(ports).reduce((all, one) => one.text(all), given)
  const { status, reason, body } = answer
  const headers = Object.entries(answer.headers).map(
    ([name, values]) => [name, values.map((value) => text(header(name, value, body)))] as const,
  )
  return {
    status,
    reason,
    headers: Object.fromEntries(headers.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    body: typeof body === 'string' ? withSortedMapsIn(text(body)) : body,
  }
}
