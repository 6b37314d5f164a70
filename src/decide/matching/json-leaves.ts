/** Where JSON is one plain value: what JSON bodies can be told apart by without comparing them as a whole. */
import { isPlaceholder, isWritten, type JsonValue } from './json.ts'

/** The names that lead through objects to a value; not through lists, whose order may not matter. */
export type LeafPath = readonly string[]

/** The values at more places than these do not count; nor do deeper ones. */
const MAX_LEAVES = 32
const MAX_DEPTH = 8

/** A value that is equal to another exactly where their keys are; undefined for objects, lists and placeholders. */
function keyOf(value: JsonValue): string | undefined {
  if (typeof value === 'string') return `s${value}`
  if (typeof value !== 'object' || value === null) return `v${String(value)}`
  return isWritten(value) ? `w${value.written}` : undefined
}

/** Every place where `expected` asks for one plain value, with its key. */
export function leavesOf(expected: JsonValue): { readonly path: LeafPath; readonly key: string }[] {
  const leaves: { path: LeafPath; key: string }[] = []
  const walk = (value: JsonValue, path: LeafPath): void => {
    if (leaves.length >= MAX_LEAVES) return
    const key = keyOf(value)
    if (key !== undefined) leaves.push({ path, key })
    else if (typeof value === 'object' && value !== null && !isPlaceholder(value) && !Array.isArray(value)) {
      if (path.length >= MAX_DEPTH) return
      for (const [name, item] of Object.entries(value)) walk(item, [...path, name])
    }
  }
  walk(expected, [])
  return leaves
}

/** The key of the value at that place of a body; undefined where there is none. */
export function keyAt(actual: JsonValue, path: LeafPath): string | undefined {
  let value = actual
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || isWritten(value)) return undefined
    if (!Object.hasOwn(value, name)) return undefined
    value = Reflect.get(value, name)
  }
  return keyOf(value)
}
