/** JSON in which numbers keep their spelling: `10.0` is compared as it was written, and so has to be written again. Pure. */

const SPELLING = Symbol('spelling')

/** A number that JavaScript would write otherwise. */
export interface Spelled {
  readonly [SPELLING]: string
}

export const isSpelled = (value: unknown): value is Spelled =>
  typeof value === 'object' && value !== null && SPELLING in value

export const spellingOf = (value: Spelled): string => value[SPELLING]

/** Undefined where the text is no JSON. */
export const parseSpelled = (text: string): { readonly value: unknown } | undefined => {
  const keep = (_key: string, value: unknown, { source }: { readonly source?: string }): unknown =>
    typeof value !== 'number' || source === undefined || source === String(value) ? value : { [SPELLING]: source }
  try {
    return { value: JSON.parse(text, keep as (key: string, value: unknown) => unknown) }
  } catch {
    return undefined
  }
}

/** Compact JSON. */
export const writeSpelled = (value: unknown): string => {
  if (isSpelled(value)) return value[SPELLING]
  if (Array.isArray(value)) return `[${value.map(writeSpelled).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([key, item]) => `${JSON.stringify(key)}:${writeSpelled(item)}`)
    .join(',')}}`
}

/** Whether any number in it needs its spelling kept. */
export const hasSpelled = (value: unknown): boolean => {
  if (isSpelled(value)) return true
  return typeof value === 'object' && value !== null && Object.values(value).some(hasSpelled)
}
