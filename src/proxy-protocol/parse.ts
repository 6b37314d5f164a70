import { type Parsed, SIGNATURE_V1, SIGNATURE_V2 } from './header.ts'
import { parseBinary } from './parse-binary.ts'
import { parseLine } from './parse-line.ts'

const NONE: Parsed = { kind: 'none' }
const MAYBE: Parsed = { kind: 'more', isHeader: false }

/** How many bytes agree, up to the end of the shorter one. */
const agreement = (bytes: Buffer, signature: Buffer): number => {
  let at = 0
  while (at < bytes.length && at < signature.length && bytes[at] === signature[at]) at++
  return at
}

/**
 * Reads the PROXY header at the start of `bytes`; called again with all of them when more have come. Every answer but
 * `more` is final: longer input gives the same one, and at the earliest byte that can decide. Looks no further than the
 * header's end, reads at most 4,112 bytes and never throws.
 */
export const parseHeader = (bytes: Buffer): Parsed => {
  for (const [signature, parse] of [
    [SIGNATURE_V1, parseLine],
    [SIGNATURE_V2, parseBinary],
  ] as const) {
    const agreed = agreement(bytes, signature)
    if (agreed === signature.length) return parse(bytes)
    if (agreed === bytes.length) return MAYBE
  }
  return NONE
}
