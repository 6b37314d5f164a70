/** JSON as expectations compare it: by value, where a whole number is not one that is written with a point or an exponent. */
import { canAssign, rememberedPairs } from './assignment.ts'
import { type Placeholder, placeholderOf } from './json-placeholder.ts'

/** A number that a JavaScript number would not tell from another: `1.0`, `1e2`, or more digits than it holds. */
interface WrittenNumber {
  /** The same for numbers that count as the same. */
  readonly written: string
  /** As near as a JavaScript number comes. */
  readonly value: number
}

/** What `parseJson` gives; a written number is told from an object by its identity here, never by its keys. */
export type JsonValue = unknown

const writtenNumbers = new WeakSet<object>()
const placeholders = new WeakSet<object>()
/** Only text with such digits can hold a number that needs more than its value kept. */
const UNUSUAL_NUMBER = /\d[.eE]|\d{16}|-0/

const WHOLE = /^-?\d+$/

/** Whether numbers that are as large are the same only if both are written whole, or neither is; or however they are written. */
export type NumbersBy = 'kind' | 'value'

/** Parses JSON text, keeping of numbers what they are compared by. Throws SyntaxError, or RangeError when too deep. */
export function parseJson(text: string, numbers: NumbersBy = 'kind'): JsonValue {
  if (!UNUSUAL_NUMBER.test(text)) return JSON.parse(text)
  return JSON.parse(text, ((_key: string, value: unknown, context: { readonly source?: string }) => {
    if (typeof value !== 'number' || context.source === undefined) return value
    const kept = decimal(context.source)
    const isHeld = kept === decimal(String(value))
    // From 1e21 on JavaScript writes whole numbers with an exponent too, so that the two cannot be told apart.
    const isOnlyWhole = Number.isInteger(value) && !WHOLE.test(context.source) && WHOLE.test(String(value))
    if (isHeld && (numbers === 'value' || !isOnlyWhole)) return value + 0
    const number: WrittenNumber = { written: numbers === 'kind' && isOnlyWhole ? `${kept}.` : kept, value }
    writtenNumbers.add(number)
    return number
  }) as (key: string, value: unknown) => unknown)
}

/** A number of JSON in the one spelling that all have that are as large: `10`, `1e1` and `10.0` are `1e1`. */
function decimal(source: string): string {
  const [mantissa = '', exponent = '0'] = source.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.')
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = withoutZerosBehind(digits)
  if (significant === '') return '0'
  const power = Number(exponent) - fraction.length + digits.length - significant.length
  return `${mantissa.startsWith('-') ? '-' : ''}${significant}e${power}`
}

/** Not an expression: that would be quadratic in zeros with another digit behind them. */
function withoutZerosBehind(digits: string): string {
  let end = digits.length
  while (digits[end - 1] === '0') end--
  return digits.slice(0, end)
}

/**
 * Whether `actual` holds all that `expected` has: extra members, extra array items and the order of arrays do not
 * matter. Two expected items of an array need two distinct actual ones.
 */
export function containsJson(expected: JsonValue, actual: JsonValue): boolean {
  if (Array.isArray(expected)) {
    const items: readonly unknown[] = expected
    if (!Array.isArray(actual)) return false
    const others: readonly unknown[] = actual
    const [required, available] = [items.length, others.length]
    const accepts = (wanted: number, at: number): boolean => containsJson(items[wanted], others[at])
    return canAssign(required, available, rememberedPairs(required, available, accepts))
  }
  if (!isObject(expected)) return equalScalars(expected, actual)
  if (!isObject(actual)) return false
  for (const key of Object.keys(expected)) {
    if (!Object.hasOwn(actual, key)) {
      if (!mayBeAbsent(expected[key])) return false
    } else if (!containsJson(expected[key], actual[key])) return false
  }
  return true
}

function mayBeAbsent(expected: JsonValue): boolean {
  return isPlaceholder(expected) && expected.mayBeAbsent
}

/** Whether both are the same; only the order of an object's members and white space do not matter. */
export function equalsJson(expected: JsonValue, actual: JsonValue): boolean {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return false
    return expected.every((item, index) => equalsJson(item, actual[index]))
  }
  if (!isObject(expected)) return equalScalars(expected, actual)
  if (!isObject(actual)) return false
  const keys = Object.keys(expected).filter((key) => Object.hasOwn(actual, key) || !mayBeAbsent(expected[key]))
  if (keys.length !== Object.keys(actual).length) return false
  return keys.every((key) => Object.hasOwn(actual, key) && equalsJson(expected[key], actual[key]))
}

function equalScalars(expected: unknown, actual: unknown): boolean {
  if (isPlaceholder(expected)) return expected.accepts(isWritten(actual) ? actual.value : actual)
  if (isWritten(expected)) return isWritten(actual) && expected.written === actual.written
  return expected === actual
}

export function isWritten(value: unknown): value is WrittenNumber {
  return typeof value === 'object' && value !== null && writtenNumbers.has(value)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !writtenNumbers.has(value) &&
    !placeholders.has(value)
  )
}

export function isPlaceholder(value: unknown): value is Placeholder {
  return typeof value === 'object' && value !== null && placeholders.has(value)
}

/**
 * JSON to compare with: JsonUnit's placeholders in its strings, and those that `more` knows, become what they stand for.
 * Throws what `parseJson` does.
 */
export function expectedJson(
  value: JsonValue,
  report: (problem: string) => void,
  more: (text: string) => Placeholder | string | undefined = () => undefined,
): JsonValue {
  if (typeof value === 'string') {
    const found = placeholderOf(value) ?? more(value)
    if (typeof found === 'string') report(found)
    if (typeof found !== 'object') return value
    placeholders.add(found)
    return found
  }
  if (Array.isArray(value)) return value.map((item: unknown) => expectedJson(item, report, more))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expectedJson(item, report, more)]))
}
