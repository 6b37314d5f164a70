/** Whether a recorded body is still in its content encoding: HAR wants it without, and not every tool does as it says. */
import { isUtf8 } from 'node:buffer'

const MAGIC: Readonly<Record<string, string>> = { gzip: '1f8b', 'x-gzip': '1f8b', zstd: '28b52ffd' }
const TEXTUAL = /^(?:text\/|application\/(?:.*\+)?(?:json|xml|javascript|x-www-form-urlencoded)\b)/i

/** `base64` is what the record holds; gzip and zstd are known by their first bytes, others by text that is none. */
export function isStillEncoded(contentEncoding: string, base64: string, mimeType: string): boolean {
  const coding = contentEncoding.trim().toLowerCase()
  const magic = Object.hasOwn(MAGIC, coding) ? MAGIC[coding] : undefined
  if (magic !== undefined) return Buffer.from(base64.slice(0, 8), 'base64').toString('hex').startsWith(magic)
  if (coding === '' || coding === 'identity' || !TEXTUAL.test(mimeType)) return false
  return !isUtf8(Buffer.from(base64, 'base64'))
}
