/** Times as text, in UTC. */
import { TemplateStop } from './meter.ts'

/** `2011-12-03T10:15:30.123Z` */
export function isoTime(ms: number): string {
  return dateOf(ms).toISOString()
}

/** `Tue, 3 Jun 2008 11:05:30 GMT` */
export function rfc1123Time(ms: number): string {
  return dateOf(ms).toUTCString().replace(/, 0/, ', ')
}

function dateOf(ms: number): Date {
  const date = new Date(ms)
  if (Number.isNaN(date.getTime())) throw new TemplateStop('a time that is out of range')
  return date
}

const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const MONTHS = 'January February March April May June July August September October November December'.split(' ')

/** By the letters of Java's DateTimeFormatter that name a part of a date or time; text in single quotes stands for itself. */
export function formatTime(ms: number, pattern: string): string {
  const date = dateOf(ms)
  return pattern.replace(/'((?:[^']|'')*)'|([A-Za-z])\2*/g, (all, quoted: string | undefined) => {
    if (quoted !== undefined) return quoted === '' ? "'" : quoted.replaceAll("''", "'")
    const field = FIELDS.get(all.charAt(0))
    if (!field) throw new TemplateStop(`the letter ${all.charAt(0)} of a date pattern is not supported`)
    return field(date, all.length)
  })
}

const padded = (value: number, width: number): string => String(value).padStart(Math.min(width, 20), '0')

function named(names: readonly string[], at: number, width: number): string {
  const name = names[at] ?? ''
  return width < 4 ? name.slice(0, 3) : name
}

const FIELDS: ReadonlyMap<string, (date: Date, width: number) => string> = new Map(
  Object.entries({
    y: year,
    u: year,
    M: (date, width) => (width < 3 ? padded(date.getUTCMonth() + 1, width) : named(MONTHS, date.getUTCMonth(), width)),
    d: (date, width) => padded(date.getUTCDate(), width),
    E: (date, width) => named(DAYS, date.getUTCDay(), width),
    a: (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
    H: (date, width) => padded(date.getUTCHours(), width),
    h: (date, width) => padded(date.getUTCHours() % 12 || 12, width),
    m: (date, width) => padded(date.getUTCMinutes(), width),
    s: (date, width) => padded(date.getUTCSeconds(), width),
    S: (date, width) => padded(date.getUTCMilliseconds(), 3).padEnd(Math.min(width, 9), '0').slice(0, width),
    X: () => 'Z',
    x: (_date, width) => '+00:00:00'.slice(0, width < 2 ? 3 : 6),
    Z: () => '+0000',
    z: () => 'UTC',
  } satisfies Readonly<Record<string, (date: Date, width: number) => string>>),
)

function year(date: Date, width: number): string {
  const value = date.getUTCFullYear()
  return width === 2 ? padded(value % 100, 2) : padded(value, width)
}
