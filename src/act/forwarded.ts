/** Tells an upstream who the client is: X-Forwarded-For, and Forwarded (RFC 7239). Pure. */
import { headerValues } from '../http1/response.ts'

export type ForwardedStyle = 'x-forwarded-for' | 'forwarded' | 'both' | 'none'

/** Zones mean something on this machine only. */
const withoutZone = (address: string): string => address.replace(/%.*$/, '')

/** A node of RFC 7239 section 6: IPv6 in brackets, and so in quotes. */
const node = (address: string): string => (address.includes(':') ? `"[${address}]"` : address)

/** The header's values so far as one line with `more` at its end, in the place of its first line. */
const append = (headers: readonly string[], lower: string, name: string, more: string): string[] => {
  const before = headerValues(headers, lower).filter((value) => value.trim() !== '')
  const value = [...before, more].join(', ')
  const sent: string[] = []
  let isWritten = false
  for (let i = 0; i < headers.length; i += 2) {
    const own = headers[i] ?? ''
    if (own.toLowerCase() !== lower) sent.push(own, headers[i + 1] ?? '')
    else if (!isWritten) {
      isWritten = true
      sent.push(own, value)
    }
  }
  if (!isWritten) sent.push(name, value)
  return sent
}

/** The headers with `client`, an IP address, added at the end of those of the style. */
export const withForwarded = (headers: readonly string[], style: ForwardedStyle, client: string): readonly string[] => {
  const address = withoutZone(client)
  if (style === 'none' || address === '') return headers
  const x = style === 'forwarded' ? headers : append(headers, 'x-forwarded-for', 'x-forwarded-for', address)
  return style === 'x-forwarded-for' ? x : append(x, 'forwarded', 'forwarded', `for=${node(address)}`)
}
