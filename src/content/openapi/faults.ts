/** What is wrong with a document, and where; and the plain values that documents are made of. */

/** Keys and indexes from the root of the document. */
export type At = readonly (string | number)[]

export interface Fault {
  readonly at: At
  readonly message: string
}

export type Report = (at: At, message: string) => void

export type Json = Readonly<Record<string, unknown>>

/** A value with its place. */
export interface Located {
  readonly value: unknown
  readonly at: At
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Most that are kept of one document: nobody reads more. */
const MAX_FAULTS = 100

/** A list of faults that keeps a hundred, each once. */
export function createFaults(): { readonly list: readonly Fault[]; readonly report: Report } {
  const list: Fault[] = []
  const seen = new Set<string>()
  return {
    list,
    report: (at, message) => {
      const key = JSON.stringify([at, message])
      if (list.length >= MAX_FAULTS || seen.has(key)) return
      seen.add(key)
      list.push({ at, message })
    },
  }
}

/** The entries that have a value: what is not there must not be written as there. */
export function defined(given: Json): Json {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/** The text of a plain value; empty for an object, a list or nothing, of which no text can be made for certain. */
export function written(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}
