/** The header that a proxy knows its own requests by when they come back to it. Pure. */
import { headerValue, headerValues } from './response.ts'

/** MockServer's name for it, so that chains of both are understood by either. */
export const FORWARDED_BY = 'x-forwarded-by'

/** Whether a request has passed through the proxy with this id. */
export const hasPassed = (headers: readonly string[], id: string): boolean =>
  headerValue(headers, FORWARDED_BY) !== undefined &&
  headerValues(headers, FORWARDED_BY).some((value) => value.split(',').some((item) => item.trim() === id))

/** The headers with this id behind those of the proxies before, in one list; a new array. */
export const withForwardedBy = (headers: readonly string[], id: string): string[] => {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (name.toLowerCase() !== FORWARDED_BY) kept.push(name, headers[i + 1] ?? '')
  }
  const before = headerValues(headers, FORWARDED_BY).filter((value) => value !== '')
  kept.push(FORWARDED_BY, [...before, id].join(', '))
  return kept
}
