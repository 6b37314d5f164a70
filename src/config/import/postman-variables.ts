/** `{{name}}` of Postman collections: variables of the collection and of folders. Environments are not part of a file. */

export type Variables = ReadonlyMap<string, string>

/** A value may name others, and so on; a text that never ends, or grows beyond all use, is left as it is. */
const MAX_ROUNDS = 10
const MAX_CHARACTERS = 256 * 1024

const NAMED = /\{\{([^{}]*)\}\}/g

/** Puts in the variables that are known. Dynamic ones (`{{$guid}}`) and unknown ones stay. */
export function resolved(text: string, variables: Variables): string {
  let current = text
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let size = current.length
    const next = current.replace(NAMED, (whole, name: string) => {
      const value = variables.get(name.trim())
      size += value === undefined ? 0 : value.length
      return value === undefined || size > MAX_CHARACTERS ? whole : value
    })
    if (next === current) return current
    current = next
  }
  return current
}

/** Whether something of the text is not known. */
export function isOpen(text: string): boolean {
  return /\{\{[^{}]*\}\}/.test(text)
}

/** Text to match, in which what is not known stands for anything that `open` says. */
export function asPattern(text: string, literal: (part: string) => string, open: string): string {
  return text
    .split(/(\{\{[^{}]*\}\})/)
    .map((part) => (isOpen(part) ? open : literal(part)))
    .join('')
}

/** Those of `given` (a list of `{key, value}`) before those of `outer`. */
export function withVariables(
  outer: Variables,
  given: readonly { readonly key: string; readonly value?: unknown }[],
): Variables {
  if (given.length === 0) return outer
  const texts = given.flatMap(({ key, value }): [string, string][] => {
    if (value === undefined || value === null || typeof value === 'object') return []
    return [[key, String(value)]]
  })
  return new Map([...outer, ...texts])
}
