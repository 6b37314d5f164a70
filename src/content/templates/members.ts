/** The properties and methods of values: those of Java's strings, lists and maps that templates use, and no others. */
import { charge, type Meter, TemplateStop } from './meter.ts'
import {
  entryOf,
  isDecimal,
  isList,
  isMap,
  isTool,
  type Member,
  numberOf,
  textOfValue,
  tool,
  type Value,
  type ValueMap,
  wholeOf,
} from './value.ts'

type Methods<T> = ReadonlyMap<string, (target: T, args: readonly Value[], meter: Meter) => Value>

const text = (args: readonly Value[], at: number, meter: Meter): string => textOfValue(args[at], meter)

const STRING: Methods<string> = new Map(
  Object.entries({
    length: (target) => target.length,
    isEmpty: (target) => target === '',
    isBlank: (target) => target.trim() === '',
    trim: (target) => target.trim(),
    strip: (target) => target.trim(),
    toLowerCase: (target) => target.toLowerCase(),
    toUpperCase: (target) => target.toUpperCase(),
    substring: (target, args) => {
      const start = wholeOf(args[0], 'the start of substring()')
      const end = args.length > 1 ? wholeOf(args[1], 'the end of substring()') : target.length
      if (start < 0 || end < start || end > target.length) throw new TemplateStop('substring() is out of range')
      return target.slice(start, end)
    },
    charAt: (target, args) => target.charAt(wholeOf(args[0], 'the place of charAt()')),
    indexOf: (target, args, meter) => target.indexOf(text(args, 0, meter)),
    lastIndexOf: (target, args, meter) => target.lastIndexOf(text(args, 0, meter)),
    contains: (target, args, meter) => target.includes(text(args, 0, meter)),
    startsWith: (target, args, meter) => target.startsWith(text(args, 0, meter)),
    endsWith: (target, args, meter) => target.endsWith(text(args, 0, meter)),
    equals: (target, args) => target === args[0],
    equalsIgnoreCase: (target, args, meter) => target.toLowerCase() === text(args, 0, meter).toLowerCase(),
    compareTo: (target, args, meter) => compare(target, text(args, 0, meter)),
    concat: (target, args, meter) => target + text(args, 0, meter),
    replace: (target, args, meter) => replaced(target, text(args, 0, meter), text(args, 1, meter), meter),
    split: (target, args, meter) => splitLiterally(target, text(args, 0, meter), meter),
    toString: (target: string) => target,
  } satisfies Readonly<Record<string, (target: string, args: readonly Value[], meter: Meter) => Value>>),
)

const LIST: Methods<Value[]> = new Map(
  Object.entries({
    size: (target) => target.length,
    length: (target) => target.length,
    isEmpty: (target) => target.length === 0,
    get: (target, args) => target[wholeOf(args[0], 'the place of get()')],
    first: (target) => target[0],
    contains: (target, args) => target.includes(args[0]),
    indexOf: (target, args) => target.indexOf(args[0]),
    add: (target, args) => {
      if (args.length < 2) target.push(args[0])
      else target.splice(wholeOf(args[0], 'the place of add()'), 0, args[1])
      return true
    },
    addAll: (target, args, meter) => {
      const [more] = args
      if (!isList(more)) return false
      meter.step(more.length)
      target.push(...more.slice())
      return true
    },
    set: (target, args) => {
      const at = wholeOf(args[0], 'the place of set()')
      if (at < 0 || at >= target.length) throw new TemplateStop('set() is out of range')
      const [before] = target.splice(at, 1, args[1])
      return before
    },
    remove: (target, args) => target.splice(wholeOf(args[0], 'the place of remove()'), 1)[0],
    toString: (target: Value[], _args: readonly Value[], meter: Meter) => textOfValue(target, meter),
  } satisfies Readonly<Record<string, (target: Value[], args: readonly Value[], meter: Meter) => Value>>),
)

const MAP: Methods<ValueMap> = new Map(
  Object.entries({
    size: (target) => target.size,
    isEmpty: (target) => target.size === 0,
    get: (target, args, meter) => entryOf(target, text(args, 0, meter), meter),
    getOrDefault: (target, args, meter) => entryOf(target, text(args, 0, meter), meter) ?? args[1],
    containsKey: (target, args, meter) => entryOf(target, text(args, 0, meter), meter) !== undefined,
    put: (target, args, meter) => {
      const name = text(args, 0, meter)
      const before = target.get(name)
      target.set(name, args[1])
      return before
    },
    remove: (target, args, meter) => {
      const name = text(args, 0, meter)
      const before = target.get(name)
      target.delete(name)
      return before
    },
    keySet: (target, _args, meter) => listed(target, target.keys(), meter),
    values: (target, _args, meter) => listed(target, target.values(), meter),
    entrySet: (target, _args, meter) => listed(target, target, meter).map(([key, value]) => entry(key, value, meter)),
    toString: (target: ValueMap, _args: readonly Value[], meter: Meter) => textOfValue(target, meter),
  } satisfies Readonly<Record<string, (target: ValueMap, args: readonly Value[], meter: Meter) => Value>>),
)

function listed<T>(target: ValueMap, items: Iterable<T>, meter: Meter): T[] {
  meter.step(target.size)
  return [...items]
}

function entry(key: string, value: Value, meter: Meter): Value {
  meter.step(8)
  return tool('entry', { key: () => key, value: () => value }, () => `${key}=${textOfValue(value, meter)}`)
}

const NUMBER: Methods<number> = new Map(
  Object.entries({
    intValue: (target) => Math.trunc(target),
    longValue: (target) => Math.trunc(target),
    doubleValue: (target) => (Number.isInteger(target) ? { decimal: target } : target),
    equals: (target, args) => target === args[0],
    compareTo: (target, args) => Math.sign(target - (numberOf(args[0]) ?? 0)),
    toString: (target: number, _args: readonly Value[], meter: Meter) => textOfValue(target, meter),
  } satisfies Readonly<Record<string, (target: number, args: readonly Value[], meter: Meter) => Value>>),
)

/** A method of `target` called; `'absent'` where there is none of that name. */
export function callMethod(target: Value, name: string, args: readonly Value[], meter: Meter): Value | 'absent' {
  meter.step()
  const method = methodOf(target, name, meter)
  if (method) return method(args, meter)
  const property = /^(?:get|is)([A-Z].*)$/.exec(name)?.[1]
  if (property === undefined || args.length > 0) return 'absent'
  const found = propertyOf(target, property.charAt(0).toLowerCase() + property.slice(1), meter)
  return found === undefined ? 'absent' : found
}

function methodOf(target: Value, name: string, meter: Meter): Member | undefined {
  if (isTool(target)) return target.members.get(name)
  if (typeof target === 'string') return bound(STRING.get(name), target, target.length, meter)
  if (isList(target)) return bound(LIST.get(name), target, target.length, meter)
  if (isMap(target)) return bound(MAP.get(name), target, target.size, meter)
  if (typeof target === 'number') return bound(NUMBER.get(name), target, 0, meter)
  if (isDecimal(target)) return bound(NUMBER.get(name), target.decimal, 0, meter)
  return typeof target === 'boolean' && name === 'toString' ? () => String(target) : undefined
}

/** Every method costs what it might have to look through. */
function bound<T>(
  method: ((target: T, args: readonly Value[], meter: Meter) => Value) | undefined,
  target: T,
  size: number,
  meter: Meter,
): Member | undefined {
  if (!method) return undefined
  return (args) => {
    charge(meter, size)
    const result = method(target, args, meter)
    if (typeof result === 'string') charge(meter, result.length)
    return result
  }
}

/** What stands at a name: an entry of a map, an item of a list, or what a method without arguments gives. */
export function propertyOf(target: Value, name: string, meter: Meter): Value {
  meter.step()
  if (isMap(target)) {
    const found = entryOf(target, name, meter)
    if (found !== undefined) return found
  }
  if (isList(target) && /^\d{1,9}$/.test(name)) return target[Number(name)]
  return NO_ARGUMENTS.has(name) || isTool(target) ? methodOf(target, name, meter)?.([], meter) : undefined
}

const NO_ARGUMENTS = new Set(
  'length size isEmpty empty first trim toLowerCase toUpperCase keySet values entrySet toString intValue'.split(' '),
)

function replaced(target: string, from: string, to: string, meter: Meter): string {
  if (from === '') return target
  const parts = target.split(from)
  charge(meter, target.length + (parts.length - 1) * to.length)
  return parts.join(to)
}

/** Java splits at a regular expression; here the separator is taken as it stands, but for a backslash before it. */
function splitLiterally(target: string, separator: string, meter: Meter): Value[] {
  const plain = separator.replace(/\\(.)/g, '$1')
  const parts = plain === '' ? [...target] : target.split(plain)
  meter.step(parts.length)
  while (parts.length > 1 && parts.at(-1) === '') parts.pop()
  return parts
}

export function compare(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
