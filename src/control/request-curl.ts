/** A logged request as a curl command. */
import { headerValue } from '../http1/response.ts'
import type { LoggedExchange } from './logged-exchange.ts'

/** For a POSIX shell: nothing in single quotes means anything but the quote itself. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** What curl writes itself. */
const ITS_OWN = new Set(['host', 'content-length', 'transfer-encoding', 'connection'])

export const requestCurl = ({ head, body, local }: LoggedExchange): string => {
  const authority = headerValue(head.headers, 'host') ?? `${local.address}:${local.port}`
  const url = /^https?:\/\//i.test(head.target) ? head.target : `http://${authority}${head.target}`
  const parts = ['curl', '-v', quoted(url), '-X', quoted(head.method)]
  for (let at = 0; at < head.headers.length; at += 2) {
    const name = head.headers[at] ?? ''
    if (!ITS_OWN.has(name.toLowerCase())) parts.push('-H', quoted(`${name}: ${head.headers[at + 1] ?? ''}`))
  }
  if (body.held > 0) parts.push('--data-binary', quoted(body.bytes.toString('utf8')))
  return `${parts.join(' ')}${body.isCut ? ' # the body is the start of a longer one' : ''}`
}
