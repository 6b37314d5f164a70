/**
 * The head of a DNS message and its question, read without decoding the rest: this runs for every query and answer, and
 * what is passed on is passed on as the bytes it came in. Pure.
 */

export const HEADER_BYTES = 12
/** RFC 1035 2.3.4: a name has at most 255 bytes, a label 63. */
const MAX_NAME_BYTES = 255
const MAX_LABEL_BYTES = 63

/** Record types and classes by number (IANA, DNS parameters). */
export const TYPE = { A: 1, CNAME: 5, SOA: 6, AAAA: 28, OPT: 41, IXFR: 251, AXFR: 252 } as const
export const CLASS_IN = 1
export const RCODE = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3 } as const

export interface Question {
  /**
   * Lower case, without the last dot; the root is ''. Bytes that are not printable ASCII, and dots and backslashes
   * within a label, are written `\DDD` (RFC 4343 2.1), so that no two names look the same.
   */
  readonly name: string
  readonly type: number
  readonly class: number
  /** Offset of the first byte after the question. */
  readonly end: number
}

export const idOf = (message: Buffer): number => message.readUInt16BE(0)
export const isResponse = (message: Buffer): boolean => ((message[2] ?? 0) & 0x80) !== 0
export const isTruncated = (message: Buffer): boolean => ((message[2] ?? 0) & 0x02) !== 0
/** 0 is a query, the only one with a meaning for us. */
export const opcodeOf = (message: Buffer): number => ((message[2] ?? 0) >> 3) & 0xf
export const rcodeOf = (message: Buffer): number => (message[3] ?? 0) & 0xf
export const questionsIn = (message: Buffer): number => message.readUInt16BE(4)
/** Zone transfers are answered with several messages. */
export const isTransfer = ({ type }: Question): boolean => type === TYPE.AXFR || type === TYPE.IXFR

/** The one question of a message with opcode QUERY; undefined where it has none, several, or a broken one. */
export const readQuestion = (message: Buffer): Question | undefined => {
  if (message.length < HEADER_BYTES || opcodeOf(message) !== 0 || questionsIn(message) !== 1) return undefined
  const nameEnd = endOfName(message)
  if (nameEnd < 0 || nameEnd + 4 > message.length) return undefined
  return {
    name: nameText(message, nameEnd),
    type: message.readUInt16BE(nameEnd),
    class: message.readUInt16BE(nameEnd + 2),
    end: nameEnd + 4,
  }
}

/** Whether an answer's question is the one that was asked; letters may differ in case, as some servers fold it. */
export const sameQuestion = (answer: Buffer, asked: Buffer, { end }: Question): boolean => {
  if (answer.length < end || questionsIn(answer) !== 1) return false
  if (answer.compare(asked, HEADER_BYTES, end, HEADER_BYTES, end) === 0) return true
  for (let at = HEADER_BYTES; at < end; at++) if (folded(answer[at] ?? 0) !== folded(asked[at] ?? 0)) return false
  return true
}

/** The first name of the message, which no pointer can be part of: there is nothing before it to point to. */
const endOfName = (message: Buffer): number => {
  let at = HEADER_BYTES
  for (;;) {
    const length = message[at]
    if (length === undefined || length > MAX_LABEL_BYTES) return -1
    at += length + 1
    if (at - HEADER_BYTES > MAX_NAME_BYTES) return -1
    if (length === 0) return at
  }
}

const folded = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte)

const DOT = 0x2e
const BACKSLASH = 0x5c
const scratch = Buffer.alloc(MAX_NAME_BYTES * 4)

const nameText = (message: Buffer, end: number): string => {
  let written = 0
  let label = HEADER_BYTES
  for (let length = message[label] ?? 0; label + length + 1 < end; length = message[label] ?? 0) {
    if (written > 0) scratch[written++] = DOT
    for (let at = label + 1; at <= label + length; at++) {
      const byte = folded(message[at] ?? 0)
      if (byte > 0x20 && byte < 0x7f && byte !== DOT && byte !== BACKSLASH) scratch[written++] = byte
      else written += scratch.write(`\\${String(byte).padStart(3, '0')}`, written, 'latin1')
    }
    label += length + 1
  }
  return scratch.toString('latin1', 0, written)
}
