/** The first bytes of a body, and how many there were. */

/** Most requests have no body. */
const NONE: Buffer[] = []

/** A class: one is made per body, and it is fed with every chunk. */
export class KeptBytes {
  readonly #limit: number
  #chunks: Buffer[] = NONE
  #whole: Buffer | undefined
  held = 0
  total = 0
  /** There was or may have been more than is held, or it never came to its end. */
  isCut = false

  constructor(limit: number) {
    this.#limit = limit
  }

  /** A body that has ended: what is held of it, not copied, of `total` bytes. */
  static ended(held: Buffer, total: number, isCut: boolean): KeptBytes {
    const kept = new KeptBytes(held.length)
    if (held.length > 0) kept.#chunks = [held]
    kept.held = held.length
    kept.total = total
    kept.isCut = isCut
    return kept
  }

  /** Copies what still has room (a chunk is a piece of a larger read); returns how many bytes that was. */
  take(chunk: Buffer): number {
    this.total += chunk.length
    const room = Math.min(chunk.length, this.#limit - this.held)
    if (room < chunk.length) this.isCut = true
    if (room <= 0) return 0
    // Not from the pool: a piece of it would keep alive what others have put beside it.
    const copy = Buffer.allocUnsafeSlow(room)
    chunk.copy(copy, 0, 0, room)
    if (this.#chunks === NONE) this.#chunks = [copy]
    else this.#chunks.push(copy)
    this.#whole = undefined
    this.held += room
    return room
  }

  get bytes(): Buffer {
    this.#whole ??= this.#chunks.length === 1 && this.#chunks[0] ? this.#chunks[0] : Buffer.concat(this.#chunks)
    if (this.#chunks.length > 1) this.#chunks = [this.#whole]
    return this.#whole
  }
}
