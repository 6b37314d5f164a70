/**
 * What the values of Velocity and Mustache templates are: a closed set, so that no property or method of a JavaScript
 * object can be reached. Objects are `Map`s; what has methods is a Tool, whose members are written down here.
 */
import { charge, MAX_OUTPUT, type Meter, TemplateStop } from './meter.ts'

export type Value = undefined | null | boolean | number | Decimal | string | Value[] | ValueMap | Tool

/** A whole number that is to be written, and divided, as a decimal: `7.0`. */
export interface Decimal {
  readonly decimal: number
}

export type ValueMap = Map<string, Value>

export type Member = (args: readonly Value[], meter: Meter) => Value

/** Something with methods. `text` is what it comes to where text is wanted. */
export interface Tool {
  readonly members: ReadonlyMap<string, Member>
  readonly text: () => string
}

export const isList = (value: Value): value is Value[] => Array.isArray(value)
export const isMap = (value: Value): value is ValueMap => value instanceof Map
export const isDecimal = (value: Value): value is Decimal =>
  typeof value === 'object' && value !== null && 'decimal' in value
export const isTool = (value: Value): value is Tool => typeof value === 'object' && value !== null && 'members' in value

const caseless = new WeakSet<ValueMap>()

/** A map whose names are found without regard to case, as those of headers are. */
export function withoutCase(map: ValueMap): ValueMap {
  caseless.add(map)
  return map
}

export function entryOf(map: ValueMap, name: string, meter: Meter): Value {
  const found = map.get(name)
  if (found !== undefined || !caseless.has(map)) return found
  const wanted = name.toLowerCase()
  for (const [key, value] of map) {
    meter.step()
    if (key.toLowerCase() === wanted) return value
  }
  return undefined
}

/** A tool from plain functions. */
export function tool(name: string, members: Readonly<Record<string, Member>>, text: () => string = () => name): Tool {
  return { members: new Map(Object.entries(members)), text }
}

/** Plain JSON as a value. Nested as deep as JSON.parse was let. */
export function fromJson(json: unknown, meter: Meter): Value {
  meter.step()
  if (Array.isArray(json)) return meter.nested(() => json.map((item) => fromJson(item, meter)))
  if (typeof json === 'object' && json !== null) {
    return meter.nested(() => new Map(Object.entries(json).map(([name, item]) => [name, fromJson(item, meter)])))
  }
  return typeof json === 'string' || typeof json === 'number' || typeof json === 'boolean' ? json : null
}

/** A value as plain JSON; a tool is its text. */
export function toJson(value: Value, meter: Meter): unknown {
  meter.step()
  if (isList(value)) return meter.nested(() => value.map((item) => toJson(item, meter)))
  if (isMap(value)) {
    const entries = meter.nested(() => [...value].map(([name, item]) => [name, toJson(item, meter)] as const))
    return Object.fromEntries(entries)
  }
  if (isDecimal(value)) return value.decimal
  return isTool(value) ? value.text() : (value ?? null)
}

/** As Java prints it: `[1, 2]`, `{a=1}`. */
export function textOfValue(value: Value, meter: Meter): string {
  if (typeof value === 'string') return value
  meter.step()
  if (value === undefined || value === null) return ''
  if (isList(value)) {
    return joined(meter, '[', ']', value, (item) => textOrNull(item, meter))
  }
  if (isMap(value)) {
    return joined(meter, '{', '}', [...value], ([name, item]) => `${name}=${textOrNull(item, meter)}`)
  }
  if (isDecimal(value)) return textOfNumber(value.decimal, true)
  if (typeof value === 'number') return textOfNumber(value, false)
  return isTool(value) ? value.text() : String(value)
}

function joined<T>(meter: Meter, open: string, close: string, items: readonly T[], print: (item: T) => string): string {
  return meter.nested(() => {
    let text = open
    for (const item of items) {
      const piece = print(item)
      charge(meter, piece.length)
      text += text === open ? piece : `, ${piece}`
      if (text.length > MAX_OUTPUT) charge(meter, text.length)
    }
    return text + close
  })
}

function textOrNull(value: Value, meter: Meter): string {
  return value === undefined || value === null ? 'null' : textOfValue(value, meter)
}

function textOfNumber(value: number, isDecimalNumber: boolean): string {
  const text = String(value)
  return isDecimalNumber && Number.isInteger(value) && !/[e.]/.test(text) ? `${text}.0` : text
}

/** Undefined for what is no number; text counts if it is one. */
export function numberOf(value: Value): number | undefined {
  if (typeof value === 'number') return value
  if (isDecimal(value)) return value.decimal
  if (typeof value !== 'string' || value.length > 64 || value.trim() === '') return undefined
  const number = Number(value)
  return Number.isNaN(number) ? undefined : number
}

/** Whole and within 2⁵³, or the rendering ends: what an index or a count must be. */
export function wholeOf(value: Value, what: string): number {
  const number = numberOf(value)
  if (number === undefined || !Number.isSafeInteger(number)) throw new TemplateStop(`${what} must be a whole number`)
  return number
}

/** Nothing, false, zero and what is empty are false. */
export function isTrue(value: Value): boolean {
  if (value === undefined || value === null || value === false || value === '' || value === 0) return false
  if (isList(value)) return value.length > 0
  if (isMap(value)) return value.size > 0
  return !isDecimal(value) || value.decimal !== 0
}
