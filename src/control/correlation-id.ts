/** What ties a request in the log to its answer: a UUID that follows from a number, so that nobody has to keep it. */
import { createHash, randomBytes } from 'node:crypto'

/** Another process gives other ids to the same numbers. */
const SALT = randomBytes(16)

/** Always the same for one number in one process; shaped like a random UUID (RFC 9562, version 4). */
export const correlationIdOf = (number: number): string => {
  const bytes = createHash('sha256').update(SALT).update(`${number}`).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
