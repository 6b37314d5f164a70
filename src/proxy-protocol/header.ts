/** What a PROXY header says, and what all versions of it begin with ("The PROXY protocol", versions 1 and 2). */
import type { Endpoint } from '../flow.ts'

/** unspec: UNKNOWN of version 1, AF_UNSPEC of version 2, or a family without a meaning because the command is LOCAL. */
export type Family = 'unspec' | 'inet' | 'inet6' | 'unix'

export interface Header {
  readonly kind: 'header'
  readonly version: 1 | 2
  /** local: the sender speaks for itself (a health check), the connection's own endpoints count. */
  readonly command: 'proxy' | 'local'
  readonly family: Family
  /** Both endpoints or none: there are none for LOCAL, UNKNOWN, Unix sockets and datagrams. */
  readonly source?: Endpoint
  readonly destination?: Endpoint
  /** Bytes that the header takes. */
  readonly length: number
}

export interface Malformed {
  readonly kind: 'malformed'
  readonly why: string
}

export type Parsed =
  /** All bytes so far could begin a header. `isHeader`: and nothing else could, the signature is complete. */
  { readonly kind: 'more'; readonly isHeader: boolean } | { readonly kind: 'none' } | Malformed | Header

/** The space belongs to it: `PROXYFIND / HTTP/1.1` is a request. */
export const SIGNATURE_V1 = Buffer.from('PROXY ')
export const SIGNATURE_V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

/** The longest line of version 1, its CRLF included (section 2.1). */
export const MAX_LINE_BYTES = 107
/**
 * The most that version 2 may announce after its 16 fixed bytes. The field could say 65,535, all of which would have
 * to be held for every connection; the longest addresses take 216, and what senders add (SSL, authority, unique id) fits
 * a segment, as section 2.2 wants it to.
 */
export const MAX_V2_LENGTH = 4096

export const malformed = (why: string): Malformed => ({ kind: 'malformed', why })
