/** Making foreign text safe to keep and to show. Pure. */
import type { Endpoint } from '../flow.ts'

const ELLIPSIS = '…'
/** V8 keeps a cut of this length or more as a view on the whole string, which it then holds in memory. */
const SHARES_MEMORY_FROM = 13

/** At most `limit` characters, the last one `…` where something was left out. */
export const bounded = (text: string, limit: number): string =>
  text.length <= limit ? text : detached(`${text.slice(0, limit - 1)}${ELLIPSIS}`)

/** The same text in memory of its own, so that keeping it does not keep the request head it was cut from. */
export const detached = (text: string): string =>
  text.length < SHARES_MEMORY_FROM ? text : Buffer.from(text).toString()

/** `address:port`, an IPv6 address in brackets (RFC 3986 section 3.2.2). */
export const endpointText = (endpoint: Endpoint): string =>
  endpoint.address.includes(':') ? `[${endpoint.address}]:${endpoint.port}` : `${endpoint.address}:${endpoint.port}`

/** ASCII, Latin, Greek and Cyrillic letters and signs: visible, one column wide, and no control among them. */
const NOT_PLAIN = /[^\x20-\x7e\u00a1-\u00ac\u00ae-\u02af\u0370-\u0482\u2026]/g

/** Text for a terminal: what could move the cursor, change colours, reorder text or take two columns becomes `?`. */
export const printable = (text: string): string => text.replace(NOT_PLAIN, '?')

/** At most `width` characters; where it is longer the middle gives way to `…`, since both ends tell requests apart. */
export const squeezed = (text: string, width: number): string => {
  if (text.length <= width) return text
  if (width <= 1) return ELLIPSIS.slice(0, width)
  const tail = Math.floor((width - 1) / 2)
  return `${text.slice(0, width - 1 - tail)}${ELLIPSIS}${tail > 0 ? text.slice(-tail) : ''}`
}
