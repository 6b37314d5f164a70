/**
 * Room for records of a few hundred bytes in large blocks outside of the JavaScript heap. As objects, thousands of them
 * that live for seconds would all be copied by the collector, and make the heap several times their size.
 */

/** The same bytes in three ways. */
export interface Block {
  readonly bytes: Buffer
  readonly words: Uint32Array
  readonly floats: Float64Array
  /** Records in it that are still wanted. */
  live: number
  /** Somebody may be reading in it, so that its bytes must stay as they are even when none of it is wanted. */
  isLent: boolean
}

/** Where a record begins: a small integer, which costs a list no object. */
export type Place = number

export interface Blocks {
  /** Room for a record of at most `LARGEST_RECORD` bytes; begins at a multiple of eight bytes. */
  reserve(bytes: number): Place
  blockOf(place: Place): Block
  /** Bytes from the start of its block. */
  offsetOf(place: Place): number
  /** The record is wanted no more. */
  release(place: Place): void
  /** From here on the blocks that are in use are read by somebody. */
  lend(): void
  clear(): void
}

const BLOCK_BYTES = 256 * 1024
const UNIT = 8
const UNITS = BLOCK_BYTES / UNIT
/** More than that in one record would waste too much of a block. */
export const LARGEST_RECORD = BLOCK_BYTES / 8
/** Emptied blocks that are kept for what comes next: only the collector could give them back, and it comes late. */
const SPARE = 2

const newBlock = (): Block => {
  const bytes = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  const { buffer, byteOffset } = bytes
  return {
    bytes,
    words: new Uint32Array(buffer, byteOffset, BLOCK_BYTES / Uint32Array.BYTES_PER_ELEMENT),
    floats: new Float64Array(buffer, byteOffset, BLOCK_BYTES / Float64Array.BYTES_PER_ELEMENT),
    live: 0,
    isLent: false,
  }
}

export const createBlocks = (): Blocks => {
  const table: (Block | undefined)[] = []
  /** Places of the table without a block. */
  const vacant: number[] = []
  const spare: Block[] = []
  let current = -1
  let block: Block | undefined
  let used = BLOCK_BYTES

  const begin = (): Block => {
    const made = spare.pop() ?? newBlock()
    if (block?.live === 0) discard(current)
    current = vacant.pop() ?? table.length
    table[current] = made
    block = made
    used = 0
    return made
  }
  const discard = (index: number): void => {
    const gone = table[index]
    if (!gone) return
    table[index] = undefined
    vacant.push(index)
    if (!gone.isLent && spare.length < SPARE) spare.push(gone)
  }
  const blockOf = (place: Place): Block => {
    const found = table[Math.floor(place / UNITS)]
    if (!found) throw new Error('a record was read after it was given back')
    return found
  }

  return {
    reserve: (bytes) => {
      const room = Math.ceil(bytes / UNIT) * UNIT
      const into = block && used + room <= BLOCK_BYTES ? block : begin()
      const place = current * UNITS + used / UNIT
      used += room
      into.live++
      return place
    },
    blockOf,
    offsetOf: (place) => (place % UNITS) * UNIT,
    release: (place) => {
      const owner = blockOf(place)
      if (--owner.live === 0 && owner !== block) discard(Math.floor(place / UNITS))
    },
    lend: () => {
      for (const one of table) if (one) one.isLent = true
    },
    clear: () => {
      table.length = 0
      vacant.length = 0
      current = -1
      block = undefined
      used = BLOCK_BYTES
    },
  }
}
