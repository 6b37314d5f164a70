/** `$ref`: places of the same document. Nothing else is ever read. */
import { type At, isJson, type Json, type Located, type Report, written } from './faults.ts'

/** Follows references until something that is none; `value` is undefined, and the fault reported, where they lead nowhere. */
export type Follow = (value: unknown, at: At) => Located

const MAX_HOPS = 32

/** Schemas of schemas, which everybody knows by name: taken for any object, for nothing is fetched. */
const META_SCHEMA = /^https?:\/\/json-schema\.org\/(?:draft-0[467]|draft\/20\d\d-\d\d)\/schema#?$/
const ANY_SCHEMA: Json = { type: 'object' }

export function createFollow(root: Json, report: Report): Follow {
  return (given, from) => {
    let found: Located = { value: given, at: from }
    for (let hops = 0; ; hops++) {
      const reference = isJson(found.value) ? found.value['$ref'] : undefined
      if (reference === undefined) return found
      if (typeof reference === 'string' && META_SCHEMA.test(reference)) return { value: ANY_SCHEMA, at: found.at }
      const next = hops < MAX_HOPS ? target(root, reference) : 'is a circle of references'
      if (typeof next === 'string') {
        report([...from, '$ref'], next)
        return { value: undefined, at: from }
      }
      found = next
    }
  }
}

/** The keys of `#/a/b~1c`; undefined where it is no pointer into the document. */
export function pointerKeys(reference: unknown): readonly string[] | undefined {
  if (typeof reference !== 'string' || !/^#(?:\/|$)/.test(reference)) return undefined
  try {
    const keys = reference === '#' ? [] : reference.slice(2).split('/')
    return keys.map((key) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~'))
  } catch {
    return undefined
  }
}

function target(root: Json, reference: unknown): Located | string {
  const keys = pointerKeys(reference)
  if (!keys) {
    return `refers to ${JSON.stringify(reference)?.slice(0, 200)}: only places of the same document are read (#/…); put it into this one`
  }
  let value: unknown = root
  const at: (string | number)[] = []
  for (const key of keys) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) {
      return `refers to ${written(reference).slice(0, 200)}, which is not there`
    }
    value = (value as Json)[key]
    at.push(key)
  }
  return { value, at }
}
