/**
 * Where the records of a message lie. dns-packet decodes records but does not say where they were, and a time to live has
 * to be lowered in place; and it trusts lengths that this walk has checked. Pure.
 */
import { HEADER_BYTES } from './question.ts'

export type Section = 'answer' | 'authority' | 'additional'

export interface RecordPlace {
  readonly section: Section
  readonly type: number
  /** Offsets of the time to live (4 bytes) and of the data. */
  readonly ttlAt: number
  readonly dataAt: number
  readonly dataLength: number
}

/** Type, class, time to live, length of the data. */
const FIXED_BYTES = 10

/**
 * All records after the question that ends at `start`; undefined where the message is shorter than its counts say. Each
 * step moves on by a whole record, so hostile counts cost no more than the message is long.
 */
export const walkRecords = (message: Buffer, start: number): readonly RecordPlace[] | undefined => {
  if (message.length < HEADER_BYTES) return undefined
  const found: RecordPlace[] = []
  let at = start
  for (const [section, countAt] of COUNTS) {
    for (let left = message.readUInt16BE(countAt); left > 0; left--) {
      const fixedAt = endOfOwner(message, at)
      const dataAt = fixedAt + FIXED_BYTES
      if (fixedAt < 0 || dataAt > message.length) return undefined
      const dataLength = message.readUInt16BE(fixedAt + 8)
      at = dataAt + dataLength
      if (at > message.length) return undefined
      found.push({ section, type: message.readUInt16BE(fixedAt), ttlAt: fixedAt + 4, dataAt, dataLength })
    }
  }
  return found
}

const COUNTS: readonly (readonly [Section, number])[] = [
  ['answer', 6],
  ['authority', 8],
  ['additional', 10],
]

/** The byte after a name, whose pointer is not followed; -1 where it has no end. */
const endOfOwner = (message: Buffer, start: number): number => {
  let at = start
  for (;;) {
    const length = message[at]
    if (length === undefined) return -1
    if (length === 0) return at + 1
    if (length >= 0xc0) return at + 2
    if (length > 63) return -1
    at += length + 1
  }
}

/** RFC 2181 8: a time to live with its first bit set counts as 0. */
export const ttlOf = (message: Buffer, { ttlAt }: RecordPlace): number => {
  const seconds = message.readUInt32BE(ttlAt)
  return seconds > 0x7fffffff ? 0 : seconds
}
