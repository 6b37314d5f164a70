/**
 * Secrets that are known by a salted hash only: `redacted-SALT-MAC` stands for whatever has that MAC. A recording has them in
 * place of what was sent, and still tells one from another.
 */
import { createHmac } from 'node:crypto'
import type { Placeholder } from '../decide/matching/json-placeholder.ts'
import type { TextTest } from '../decide/matching/text.ts'
import type { Compiled } from './json-schema.ts'

const TOKEN = /redacted-([0-9a-f]{16})-[0-9a-f]{32}/
const MAC_CHARACTERS = 32
/** A longer one is no secret that anybody has recorded. */
const MAX_SECRET = 64 * 1024

/** What stands for a secret; the same secret and salt give the same. `salt`: 16 hexadecimal digits. */
export const redacted = (secret: string, salt: string): string => {
  const mac = createHmac('sha256', salt).update(secret).digest('hex').slice(0, MAC_CHARACTERS)
  return `redacted-${salt}-${mac}`
}

/** A test for text with one such stand-in: the secret itself passes in its place, and so does the stand-in. */
export const compileHashed = (text: string): Compiled<TextTest> => {
  const found = TOKEN.exec(text)
  if (!found) return { problem: 'expected "redacted-", a salt of 16 and a hash of 32 hexadecimal digits' }
  const [token, salt = ''] = found
  const before = text.slice(0, found.index)
  const after = text.slice(found.index + token.length)
  if (TOKEN.test(after)) return { problem: 'expected one stand-in for a secret only' }
  const isShort = ({ length }: string): boolean => length >= before.length + after.length && length <= MAX_SECRET
  return {
    test: (subject) => {
      if (!isShort(subject) || !subject.startsWith(before) || !subject.endsWith(after)) return false
      const secret = subject.slice(before.length, subject.length - after.length)
      return secret === token || redacted(secret, salt) === token
    },
  }
}

const IN_JSON = /^[$#]\{understudy\.hashed\}(.*)$/s

/** `${understudy.hashed}redacted-…` in JSON: a string or a number that it stands for; a string says what is wrong. */
export const hashedPlaceholder = (text: string): Placeholder | string | undefined => {
  const [, rest] = IN_JSON.exec(text) ?? []
  if (rest === undefined) return undefined
  const compiled = compileHashed(rest)
  if ('problem' in compiled) return compiled.problem
  const { test } = compiled
  return {
    accepts: (actual) => (typeof actual === 'string' || typeof actual === 'number') && test(String(actual)),
    mayBeAbsent: false,
  }
}
