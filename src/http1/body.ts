import { feedChunked, newChunkedState } from './chunked.ts'
import type { Framing } from './framing.ts'
import type { Limits } from './limits.ts'

/** `consumed` counts from `start`. After `bad` the connection is of no more use. `why` comes with `bad`. */
export interface BodyProgress {
  readonly consumed: number
  readonly state: 'more' | 'done' | 'bad'
  readonly why?: string
}

/** Decodes one body, incrementally; any split of the same bytes gives the same payload and the same end. */
export interface BodyDecoder {
  /** Decodes from `buffer[start]` on. Payload goes to `onData` as views of `buffer`, never copied, never empty. Bytes
   * after the body's end are left: `consumed` says where the next message starts. */
  feed(buffer: Buffer, start: number): BodyProgress
  /** Trailer fields, name and value alternating, complete once `done`. Those that would change framing or routing are
   * left out (RFC 9110 section 6.5.1). */
  readonly trailers: readonly string[]
  readonly payloadBytes: number
}

/**
 * The decoder for a framing. `until_close` never says `done`: its end is the peer's, and a peer that ends any other
 * framing early has truncated it. A body of length 0 is done by the first feed, even of an empty buffer.
 */
export function createBodyDecoder(framing: Framing, onData: (chunk: Buffer) => void, limits: Limits): BodyDecoder {
  switch (framing.kind) {
    case 'none':
      return new LengthDecoder(0, onData)
    case 'length':
      return new LengthDecoder(framing.bytes, onData)
    case 'until_close':
      return new LengthDecoder(Number.POSITIVE_INFINITY, onData)
    case 'chunked':
      return new ChunkedDecoder(onData, limits)
  }
}

const NO_TRAILERS: readonly string[] = []

/** A class: an object literal with a getter costs a hidden class of its own, six hundred bytes of the old generation. */
class LengthDecoder implements BodyDecoder {
  readonly #length: number
  readonly #onData: (chunk: Buffer) => void
  readonly trailers = NO_TRAILERS
  payloadBytes = 0

  constructor(length: number, onData: (chunk: Buffer) => void) {
    this.#length = length
    this.#onData = onData
  }

  feed(buffer: Buffer, start: number): BodyProgress {
    const consumed = Math.min(this.#length - this.payloadBytes, buffer.length - start)
    this.payloadBytes += consumed
    if (consumed > 0) this.#onData(buffer.subarray(start, start + consumed))
    return { consumed, state: this.payloadBytes === this.#length ? 'done' : 'more' }
  }
}

class ChunkedDecoder implements BodyDecoder {
  readonly #state = newChunkedState()
  readonly #onData: (chunk: Buffer) => void
  readonly #limits: Limits

  constructor(onData: (chunk: Buffer) => void, limits: Limits) {
    this.#onData = onData
    this.#limits = limits
  }

  feed(buffer: Buffer, start: number): BodyProgress {
    const state = this.#state
    const consumed = feedChunked(state, buffer, start, this.#onData, this.#limits)
    if (state.phase === 'bad') return { consumed, state: 'bad', why: state.why }
    return { consumed, state: state.phase === 'done' ? 'done' : 'more' }
  }

  get trailers(): readonly string[] {
    return this.#state.trailers
  }
  get payloadBytes(): number {
    return this.#state.payloadBytes
  }
}
