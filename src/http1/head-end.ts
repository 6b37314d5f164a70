import { CR, LF } from './bytes.ts'

const BLANK_LINE = Buffer.from('\r\n\r\n')

/**
 * Index after an empty line that ends the head, or -1 where there is none before `bound`. Lines may end in a bare LF
 * (RFC 9112 section 2.2), which costs a second look that well-formed heads never pay; an earlier bare-LF end than the
 * one returned shows up while the lines are parsed. Starting at the first byte not looked at before (minus the three
 * that may begin a terminator) keeps a head that trickles in byte by byte linear.
 */
export function findHeadEnd(buffer: Buffer, from: number, bound: number): number {
  const blank = buffer.indexOf(BLANK_LINE, from)
  if (blank >= 0 && blank + BLANK_LINE.length <= bound) return blank + BLANK_LINE.length
  for (let at = buffer.indexOf(LF, from); at >= 0 && at < bound; at = buffer.indexOf(LF, at + 1)) {
    const next = buffer[at + 1]
    const end = next === LF ? at + 2 : next === CR && buffer[at + 2] === LF ? at + 3 : 0
    if (end !== 0 && end <= bound) return end
  }
  return -1
}

/** Whether a complete line starts at `from`, before `bound`. */
export function holdsLine(buffer: Buffer, from: number, bound: number): boolean {
  const at = buffer.indexOf(LF, from)
  return at >= 0 && at < bound
}
