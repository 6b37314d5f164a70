/** What is known of the objects of one resource, and what a list or an event changes about that. */
import { isDeepStrictEqual } from 'node:util'

/** What is kept of an object, under which key; or why nothing is. With a key, what was kept under it goes. */
export type Projected<T> =
  | { readonly kind: 'kept'; readonly key: string; readonly value: T }
  | { readonly kind: 'refused'; readonly why: string; readonly key?: string }

export interface ObjectStore<T> {
  readonly values: ReadonlyMap<string, T>
  set(key: string, value: T): void
  remove(key: string): void
  /** A list that is read: nothing changes before its end, when all that is not in it goes. */
  stage(): Stage<T>
}

export interface Stage<T> {
  /** Whether the list had it already. */
  add(key: string, value: T): boolean
  /** What is in it stays, whatever is known of it. */
  clear(): void
  commit(): void
}

export interface StoreOptions<T> {
  /** Most objects at once. */
  readonly capacity: number
  /** After a change, a coming or a going; not after an update that changes nothing of what is kept. */
  readonly changed: (key: string, now: T | undefined, before: T | undefined) => void
  /** One object was not kept because there are too many. */
  readonly full: () => void
}

export const createObjectStore = <T>({ capacity, changed, full }: StoreOptions<T>): ObjectStore<T> => {
  const values = new Map<string, T>()
  const set = (key: string, value: T): void => {
    const before = values.get(key)
    if (before === undefined && values.size >= capacity) return full()
    if (before !== undefined && isDeepStrictEqual(before, value)) return
    values.set(key, value)
    changed(key, value, before)
  }
  const remove = (key: string): void => {
    const before = values.get(key)
    if (values.delete(key)) changed(key, undefined, before)
  }
  return {
    values,
    set,
    remove,
    stage: () => {
      const listed = new Map<string, T>()
      return {
        add: (key, value) => {
          const wasListed = listed.has(key)
          if (!wasListed && listed.size >= capacity) full()
          else listed.set(key, value)
          return wasListed
        },
        clear: () => listed.clear(),
        commit: () => {
          // First what goes, so that there is room for what comes.
          for (const key of [...values.keys()]) if (!listed.has(key)) remove(key)
          for (const [key, value] of listed) set(key, value)
          listed.clear()
        },
      }
    },
  }
}
