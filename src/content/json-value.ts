/** JSON bodies as plain values, for libraries that know numbers only as JavaScript does. */
import { type ReadBody, saysJson, textOf } from '../decide/matching/body.ts'

const plain = new WeakMap<ReadBody, { readonly value: unknown } | 'not_json'>()

/**
 * The body as JSON; undefined when it is none, or where its content type denies it and `isTyped` asks for that to be
 * heeded. Parsed once for each body.
 */
export function jsonOf(body: ReadBody, isTyped: boolean): { readonly value: unknown } | undefined {
  if (isTyped && !saysJson(body)) return undefined
  let known = plain.get(body)
  if (known === undefined) {
    known = parsed(textOf(body))
    plain.set(body, known)
  }
  return known === 'not_json' ? undefined : known
}

function parsed(text: string): { readonly value: unknown } | 'not_json' {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return 'not_json'
  }
}

/** More than any real document has; libraries that walk by recursion stay far from the end of the stack. */
const MAX_DEPTH = 500

/** Whether arrays and objects are nested no deeper than 500; walks without recursion. */
export function isShallow(value: unknown): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return false
    const next: unknown[] = []
    for (const item of level) {
      if (typeof item === 'object' && item !== null) for (const inner of Object.values(item)) next.push(inner)
    }
    level = next
  }
  return true
}

/** How many values a JSON document has at most: one for each bracket and each comma. */
export function countValues(bytes: Buffer): number {
  let count = 1
  for (const byte of bytes) if (byte === 0x2c || byte === 0x5b || byte === 0x7b) count++
  return count
}
