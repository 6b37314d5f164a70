/** `until`: a moment, or how long from when it was first seen on a pod. */
import { z } from 'zod'

/** A moment in milliseconds since the epoch, or a span of time in milliseconds. */
export type Until =
  | { readonly kind: 'time'; readonly atMs: number }
  | { readonly kind: 'duration'; readonly ms: number }

const EXPECTED = 'expected a time such as "2026-12-24T18:00:00Z", or a duration such as "30m", "1h30m" or "7d"'
const TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/
const DURATION = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/
const UNITS_MS = [86_400_000, 3_600_000, 60_000, 1000]
const MAX_MS = 365 * 86_400_000

/** A time of RFC 3339, without leap seconds; or days, hours, minutes and seconds, in this order, of at most a year. */
export const Until = z.string({ error: EXPECTED }).transform((text, context): Until => {
  const atMs = timeOf(text)
  if (atMs !== undefined) return { kind: 'time', atMs }
  const ms = durationOf(text)
  if (ms !== undefined && ms > 0 && ms <= MAX_MS) return { kind: 'duration', ms }
  const message = ms === undefined ? EXPECTED : 'expected a duration of at least "1s" and at most "365d"'
  context.addIssue({ code: 'custom', message, input: text })
  return z.NEVER
})

/** When it is over, in milliseconds since the epoch; never, where nothing is said. */
export function endOf(until: Until | undefined, seenAtMs: number): number {
  if (!until) return Infinity
  return until.kind === 'time' ? until.atMs : seenAtMs + until.ms
}

function timeOf(text: string): number | undefined {
  const found = TIME.exec(text)
  if (!found) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map(Number)
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second, Math.trunc(Number(`0${found[7] ?? ''}`) * 1000))
  // What the calendar does not have, such as a 30th of February, has become another day.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  if (date.getUTCHours() !== hour || date.getUTCMinutes() !== minute || date.getUTCSeconds() !== second)
    return undefined
  const offset = Number(found[9] ?? 0) * 60 + Number(found[10] ?? 0)
  return date.getTime() - (found[8] === '-' ? -offset : offset) * 60_000
}

function durationOf(text: string): number | undefined {
  const found = text === '' ? null : DURATION.exec(text)
  if (!found) return undefined
  return UNITS_MS.reduce((sum, unit, index) => sum + Number(found[index + 1] ?? 0) * unit, 0)
}
