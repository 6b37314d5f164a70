/** JSON that is changed as a document says: JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386). Bounded, all or nothing. */

export interface PatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test'
  /** JSON Pointers (RFC 6901), as tokens. */
  readonly path: readonly string[]
  readonly from?: readonly string[] | undefined
  readonly value?: unknown
}

/** Another body, or undefined where this one is not JSON or the patch does not fit it. */
export type PatchBody = (body: Buffer) => Buffer | undefined

type Container = Record<string, unknown> | unknown[]

/** How much copies may add: characters and values. A few copies of copies would fill any memory. */
const MAX_COPIED = 4 * 1024 * 1024

/** The tokens of a JSON Pointer; undefined where it is none. */
export function pointerTokens(pointer: string): readonly string[] | undefined {
  if (pointer === '') return []
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return undefined
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** Newer than what the compiler knows of JavaScript. */
const { rawJSON: rawJson, isRawJSON: isRawJson } = JSON as typeof JSON & {
  rawJSON(text: string): unknown
  isRawJSON(value: unknown): boolean
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

/** Numbers that JavaScript would write otherwise stay as they are written. */
const reviver: Reviver = (_key, value, { source }) =>
  typeof value === 'number' && source !== undefined && source !== String(value) ? rawJson(source) : value

const parse = (text: string): unknown => JSON.parse(text, reviver as (key: string, value: unknown) => unknown)

const isContainer = (value: unknown): value is Container =>
  typeof value === 'object' && value !== null && !isRawJson(value)

/** The names of members are data: `__proto__` is one like any other. */
const put = (target: object, key: string, value: unknown): void => {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
}

/** A body changed by `change`, which may throw. */
const patched = (body: Buffer, change: (document: unknown) => unknown): Buffer | undefined => {
  try {
    return Buffer.from(JSON.stringify(change(parse(body.toString('utf8')))))
  } catch {
    return undefined
  }
}

const misfit = (): never => {
  throw new Error('the patch does not fit')
}

/** The index that a token names, below `end`. */
const indexOf = (token: string, end: number): number => {
  const index = /^(?:0|[1-9]\d{0,9})$/.test(token) ? Number(token) : end
  return index < end ? index : misfit()
}

const child = (value: unknown, token: string): unknown => {
  if (Array.isArray(value)) return value[indexOf(token, value.length)]
  return isContainer(value) && Object.hasOwn(value, token) ? Reflect.get(value, token) : misfit()
}

const at = (document: unknown, path: readonly string[]): unknown => path.reduce(child, document)

/** The container of a place and the last token of its path. */
const parentOf = (document: unknown, path: readonly string[]): { readonly parent: Container; readonly key: string } => {
  const parent = at(document, path.slice(0, -1))
  return isContainer(parent) ? { parent, key: path.at(-1) ?? '' } : misfit()
}

const added = (document: unknown, path: readonly string[], value: unknown): unknown => {
  if (path.length === 0) return value
  const { parent, key } = parentOf(document, path)
  if (!Array.isArray(parent)) put(parent, key, value)
  else parent.splice(key === '-' ? parent.length : indexOf(key, parent.length + 1), 0, value)
  return document
}

const removed = (document: unknown, path: readonly string[]): unknown => {
  if (path.length === 0) return null
  const { parent, key } = parentOf(document, path)
  child(parent, key) // must be there
  if (Array.isArray(parent)) parent.splice(indexOf(key, parent.length), 1)
  else Reflect.deleteProperty(parent, key)
  return document
}

const replaced = (document: unknown, path: readonly string[], value: unknown): unknown => {
  if (path.length === 0) return value
  const { parent, key } = parentOf(document, path)
  child(parent, key)
  if (Array.isArray(parent)) parent[indexOf(key, parent.length)] = value
  else put(parent, key, value)
  return document
}

/** A copy that shares nothing; counts what it holds. */
const cloned = (value: unknown, left: { amount: number }): unknown => {
  left.amount -= typeof value === 'string' ? value.length + 1 : 1
  if (left.amount < 0) misfit()
  if (Array.isArray(value)) return value.map((item) => cloned(item, left))
  if (!isContainer(value)) return value
  const copy = {}
  for (const [key, item] of Object.entries(value)) {
    left.amount -= key.length
    put(copy, key, cloned(item, left))
  }
  return copy
}

const numberOf = (value: unknown): unknown => (isRawJson(value) ? Number(JSON.stringify(value)) : value)

const equal = (one: unknown, other: unknown): boolean => {
  if (!isContainer(one) || !isContainer(other)) return numberOf(one) === numberOf(other)
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const keys = Object.keys(one)
  if (keys.length !== Object.keys(other).length) return false
  return keys.every((key) => Object.hasOwn(other, key) && equal(Reflect.get(one, key), Reflect.get(other, key)))
}

const startsWith = (path: readonly string[], start: readonly string[]): boolean =>
  start.length < path.length && start.every((token, i) => token === path[i])

const applied = (document: unknown, operation: PatchOperation, left: { amount: number }): unknown => {
  const { op, path, from = [], value } = operation
  switch (op) {
    case 'add':
      return added(document, path, cloned(value, left))
    case 'remove':
      return removed(document, path)
    case 'replace':
      return replaced(document, path, cloned(value, left))
    case 'copy':
      return added(document, path, cloned(at(document, from), left))
    case 'move': {
      if (startsWith(path, from)) return misfit()
      const moved = at(document, from)
      return added(removed(document, from), path, moved)
    }
    case 'test':
      return equal(at(document, path), value) ? document : misfit()
  }
}

/** One operation after the other; where one does not fit, none of them is done. */
export const jsonPatch =
  (operations: readonly PatchOperation[]): PatchBody =>
  (body) =>
    patched(body, (document) => {
      const left = { amount: MAX_COPIED }
      return operations.reduce((now, operation) => applied(now, operation, left), document)
    })

const merged = (target: unknown, patch: unknown): unknown => {
  if (!isContainer(patch) || Array.isArray(patch)) return patch
  const result = {}
  if (isContainer(target) && !Array.isArray(target)) {
    for (const [key, value] of Object.entries(target)) put(result, key, value)
  }
  for (const [key, value] of Object.entries(patch)) {
    const before: unknown = Object.hasOwn(result, key) ? Reflect.get(result, key) : undefined
    if (value === null) Reflect.deleteProperty(result, key)
    else put(result, key, merged(before, value))
  }
  return result
}

/** Members are replaced, added, or with `null` removed; the rest stays. */
export const jsonMergePatch =
  (patch: unknown): PatchBody =>
  (body) =>
    patched(body, (document) => merged(document, patch))
