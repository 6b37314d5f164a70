/**
 * What is taken out of a request before it is kept. Header values and bodies are never kept at all; a path and a query
 * keep their shape, and lose what sits under a name that looks secret, looks like a JSON Web Token, or is userinfo of
 * an address. Every pass is linear in the length of its text. Pure.
 */
export const HIDDEN = '***'

const ANYWHERE = 'token|secret|passw|passphrase|pwd|credential|signature|session|jwt|bearer|auth(?!or(?!i))|key'
const AS_A_WORD = 'sig|sid|pin|otp|totp|code|pass|csrf|xsrf|cred|creds'
const SECRET_NAME = new RegExp(`${ANYWHERE}|(?:^|[^a-z])(?:${AS_A_WORD})(?:$|[^a-z])`)
/** A pair inside a value: a nested address or a JSON object, already decoded. */
const SECRET_INSIDE = new RegExp(`(?:${ANYWHERE}|(?:^|[^a-z])(?:${AS_A_WORD}))[\\w\\]-]{0,40}(?:["']\\s{0,4}:|=)`)
/** Whether any of the above could match; most requests have nothing of it, and this is all they pay. */
const SUSPECT = /[%@]|eyJ|token|secret|pass|pwd|cred|sig|session|jwt|bearer|auth|key|sid|pin|otp|code|[cx]srf/i

const JSON_WEB_TOKEN = /eyJ[\w-]{10,}(?:\.[\w-]*)*/g
const USERINFO = /\/\/[^/@\s]+@/g
const WORD_EDGE = /([a-z0-9])([A-Z])/g
const ENCODED_BYTE = /%([0-9a-f]{2})/gi
/** How deep an address inside an address inside an address is looked into. */
const DECODE_ROUNDS = 3

/** Userinfo (`user:password@`) taken off an authority. */
export const redactHost = (host: string): string => host.slice(host.lastIndexOf('@') + 1)

/** A query (no leading `?`) with the values of secret names replaced by `***`; names and order stay. */
export const redactQuery = (query: string): string => {
  if (!SUSPECT.test(query)) return query
  return redactPairs(query).replace(JSON_WEB_TOKEN, HIDDEN)
}

/** A path with its parameters (`;jsessionid=…`), embedded userinfo and tokens replaced by `***`. */
export const redactPath = (path: string): string => {
  if (!SUSPECT.test(path)) return path
  const open = path.replace(USERINFO, `//${HIDDEN}@`).replace(JSON_WEB_TOKEN, HIDDEN)
  return open.includes('=') || open.includes('%') ? open.split('/').map(redactPairs).join('/') : open
}

/** Pairs divided by `&`, `;`, `?` or `#`. Split by hand: a pattern over the whole text would backtrack. */
const redactPairs = (text: string): string =>
  text
    .split(/([&;?#])/)
    .map((pair, i) => (i % 2 === 1 ? pair : redactPair(pair)))
    .join('')

const redactPair = (pair: string): string => {
  const equals = pair.indexOf('=')
  if (equals < 0) return hidesSecret(pair) ? HIDDEN : pair
  const name = pair.slice(0, equals)
  const value = pair.slice(equals + 1)
  if (value === '' || !(looksSecret(name) || hidesSecret(value))) return pair
  return `${name}=${HIDDEN}`
}

/** Whether what stands under that name is likely a secret. */
export const looksSecret = (name: string): boolean =>
  SECRET_NAME.test(decoded(name).replace(WORD_EDGE, '$1_$2').toLowerCase())

/** Whether a value carries a secret pair, userinfo or a token of its own, percent-encoded or not. */
const hidesSecret = (value: string): boolean => {
  let text = value
  for (let round = 0; round < DECODE_ROUNDS; round++) {
    const next = decoded(text)
    if (next === text) break
    text = next
  }
  if (text.search(USERINFO) >= 0 || text.search(JSON_WEB_TOKEN) >= 0) return true
  return SECRET_INSIDE.test(text.replace(WORD_EDGE, '$1_$2').toLowerCase())
}

/** Percent-decoding byte by byte; never throws, and what it cannot decode stays. */
const decoded = (text: string): string =>
  text.includes('%')
    ? text.replace(ENCODED_BYTE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : text
