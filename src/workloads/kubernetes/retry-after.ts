/** How long a server asks to be left alone. */

const MOST_MS = 120_000

/** Of a Retry-After header, in seconds or as a date: milliseconds from `nowMs`, at most two minutes. */
export const retryAfterOf = (header: unknown, nowMs: number): number | undefined => {
  const text = (Array.isArray(header) ? header[0] : header) as unknown
  if (typeof text !== 'string' || text.length > 64) return undefined
  const ms = /^\s*\d+\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, MOST_MS) : undefined
}
