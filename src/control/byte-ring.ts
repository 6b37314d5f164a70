/** A list of things that have a cost in bytes: when there is no room, the oldest go. Adding costs the same however many. */

/** The ring notes in the item itself what it costs; undefined where it is in none. */
export interface Costed {
  costBytes: number | undefined
}

export interface ByteRing<T> {
  /** The oldest first. */
  readonly items: readonly T[]
  readonly bytes: number
  has(item: T): boolean
  add(item: T, bytes: number): void
  /** Charges more for an item that is still there. */
  grow(item: T, bytes: number): void
  /** Charges (or gives back) what no one item has caused. */
  charge(bytes: number): void
  /** Another bound from now on. */
  limit(bytes: number): void
  remove(isMeant: (item: T) => boolean): void
  clear(): void
}

/** `onGone` is called for each item that is evicted or removed, not for those that `clear` takes. */
export const createByteRing = <T extends Costed>(
  firstLimitBytes: number,
  onGone: (item: T, why: 'evicted' | 'removed') => void,
): ByteRing<T> => {
  let items: (T | undefined)[] = []
  /** The places before are those of evicted items; they leave the list when they are half of it. */
  let first = 0
  let bytes = 0
  let limitBytes = firstLimitBytes

  const drop = (item: T, why: 'evicted' | 'removed'): void => {
    bytes -= item.costBytes ?? 0
    item.costBytes = undefined
    onGone(item, why)
  }
  const evict = (): void => {
    while (bytes > limitBytes && first < items.length) {
      const item = items[first]
      items[first] = undefined
      first++
      if (item !== undefined) drop(item, 'evicted')
    }
    if (first * 2 <= items.length) return
    items = items.slice(first)
    first = 0
  }
  const all = (): T[] => items.slice(first).filter((item) => item !== undefined)

  return {
    get items() {
      return all()
    },
    get bytes() {
      return bytes
    },
    has: (item) => item.costBytes !== undefined,
    add: (item, cost) => {
      items.push(item)
      item.costBytes = cost
      bytes += cost
      evict()
    },
    grow: (item, by) => {
      if (item.costBytes === undefined) return
      item.costBytes += by
      bytes += by
      evict()
    },
    charge: (by) => {
      bytes += by
      evict()
    },
    limit: (to) => {
      limitBytes = to
      evict()
    },
    remove: (isMeant) => {
      const stays: T[] = []
      for (const item of all()) {
        if (isMeant(item)) drop(item, 'removed')
        else stays.push(item)
      }
      items = stays
      first = 0
    },
    clear: () => {
      for (const item of all()) item.costBytes = undefined
      items = []
      first = 0
      bytes = 0
    },
  }
}
