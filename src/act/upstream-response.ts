/** An upstream's answer as the client is to see it. Pure. */
import { headerValues, withoutHopByHop } from '../http1/response.ts'

const PROXY_AUTHENTICATION_REQUIRED = 407
const CONTROLS = /[^\t\x20-\x7e\x80-\xff]/

/** A header that answers carry, in place of the upstream's own, to show that they came through us. */
export interface Marker {
  readonly name: string
  readonly value: string
}

const marked = (headers: readonly string[], { name, value }: Marker): string[] => {
  const lower = name.toLowerCase()
  const others = headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== lower)
  return [...others, name, value]
}

/** End-to-end headers; a proxy's challenge is for the client, since we answer none. */
export const clientHeaders = (status: number, headers: readonly string[], marker?: Marker): string[] => {
  const all = withoutHopByHop(headers, 'response')
  const kept = marker && status >= 200 ? marked(all, marker) : all
  if (status === PROXY_AUTHENTICATION_REQUIRED) {
    for (const value of headerValues(headers, 'proxy-authenticate')) kept.push('proxy-authenticate', value)
  }
  return kept
}

/** A reason phrase that undici has read as UTF-8, as the bytes it was; undefined, for the usual one, where it cannot be sent. */
export const reasonPhrase = (text: string | undefined): string | undefined => {
  if (!text) return undefined
  const bytes = Buffer.from(text, 'utf8').toString('latin1')
  return CONTROLS.test(bytes) ? undefined : bytes
}
