/** What of a recorded exchange is a secret, and what is kept in its place. Pure. */
import { looksSecret } from '../record/redact.ts'
import { isSpelled, spellingOf } from './spelled-json.ts'

export interface Secrets {
  /** The value of a parameter, a header, a cookie or a member of that name, as it may be kept. */
  named(name: string, value: string): string
  /** Text without its JSON Web Tokens. */
  text(value: string): string
  /** JSON with what stands in it under the names of secrets replaced. */
  json(value: unknown): unknown
}

const JSON_WEB_TOKEN = /eyJ[\w-]{10,}(?:\.[\w-]*)*/g
/** A scheme says what kind of credentials follow (RFC 9110 11.4), and is none itself. */
const CREDENTIALS = /^(basic|bearer|digest|negotiate|token|apikey|aws4-hmac-sha256)\s+(?=\S)/i
const ALWAYS_SECRET = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie'])

/** `standIn` gives the same text for the same secret. */
export const createSecrets = (standIn: (secret: string) => string): Secrets => {
  const text = (value: string): string =>
    value.includes('eyJ') ? value.replace(JSON_WEB_TOKEN, (token) => standIn(token)) : value
  const named = (name: string, value: string): string => {
    if (value === '') return value
    if (!ALWAYS_SECRET.has(name.toLowerCase()) && !looksSecret(name)) return text(value)
    const scheme = CREDENTIALS.exec(value)?.[0] ?? ''
    return scheme + standIn(value.slice(scheme.length))
  }
  const json = (value: unknown, name = ''): unknown => {
    if (typeof value === 'string') return named(name, value)
    if (typeof value === 'number' || isSpelled(value)) {
      const spelling = typeof value === 'number' ? String(value) : spellingOf(value)
      return name !== '' && looksSecret(name) ? standIn(spelling) : value
    }
    if (Array.isArray(value)) return value.map((item: unknown) => json(item, name))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, json(item, key)]))
  }
  return { named, text, json: (value) => json(value) }
}
