/** Reading what somebody else wrote: parts of an object of unknown shape. */

/** An own property of an object; undefined of anything else. */
export const field = (object: unknown, key: string): unknown =>
  typeof object === 'object' && object !== null && Object.hasOwn(object, key) ? Reflect.get(object, key) : undefined

/** By a path of keys. */
export const fieldAt = (object: unknown, ...keys: readonly string[]): unknown => keys.reduce(field, object)

/** Text of at most so many characters, and not empty. */
export const textOf = (value: unknown, most: number): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= most ? value : undefined

/** At most so many elements of an array; none of anything else. */
export const elementsOf = (value: unknown, most: number): readonly unknown[] =>
  Array.isArray(value) ? value.slice(0, most) : []

const MOST_VERSION_CHARACTERS = 64

/** metadata.resourceVersion, which is opaque. */
export const versionOf = (object: unknown): string | undefined =>
  textOf(fieldAt(object, 'metadata', 'resourceVersion'), MOST_VERSION_CHARACTERS)

/** Cut to so many characters, with a sign that it was, and never through the middle of a surrogate pair. */
export const cutText = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…`

/** JSON, or undefined where it is none. */
export const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
