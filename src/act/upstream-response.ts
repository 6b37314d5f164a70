/** An upstream's answer as the client is to see it. Pure. */
import { headerValues, withoutHopByHop } from '../http1/response.ts'

const PROXY_AUTHENTICATION_REQUIRED = 407
const CONTROLS = /[^\t\x20-\x7e\x80-\xff]/

/** End-to-end headers; a proxy's challenge is for the client, since we answer none. */
export const clientHeaders = (status: number, headers: readonly string[]): string[] => {
  const kept = withoutHopByHop(headers, 'response')
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
