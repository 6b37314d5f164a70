/** Bytes that come in pieces, gathered in one buffer up to a limit. */

export interface ByteStore {
  readonly length: number
  /** False where there would be more than the limit; nothing is added then. */
  append(bytes: Uint8Array): boolean
  /** The bytes as UTF-8 text; the store is empty afterwards. */
  takeText(): string
  clear(): void
}

const FIRST_ROOM = 4096
/** A larger buffer is given back once it is empty, so that one large object does not stay. */
const ROOM_KEPT = 64 * 1024

/** Copies: pieces of one byte each would else cost a hundred times their size. */
export const createByteStore = (limit: number): ByteStore => {
  let room = Buffer.allocUnsafeSlow(FIRST_ROOM)
  let length = 0
  const clear = (): void => {
    length = 0
    if (room.length > ROOM_KEPT) room = Buffer.allocUnsafeSlow(FIRST_ROOM)
  }
  return {
    get length() {
      return length
    },
    append: (bytes) => {
      const needed = length + bytes.length
      if (needed > limit) return false
      if (needed > room.length) {
        const larger = Buffer.allocUnsafeSlow(Math.min(limit, Math.max(needed, room.length * 2)))
        room.copy(larger, 0, 0, length)
        room = larger
      }
      room.set(bytes, length)
      length = needed
      return true
    },
    takeText: () => {
      const text = room.toString('utf8', 0, length)
      clear()
      return text
    },
    clear,
  }
}
