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
      return createLengthDecoder(0, onData)
    case 'length':
      return createLengthDecoder(framing.bytes, onData)
    case 'until_close':
      return createLengthDecoder(Number.POSITIVE_INFINITY, onData)
    case 'chunked':
      return createChunkedDecoder(onData, limits)
  }
}

function createLengthDecoder(length: number, onData: (chunk: Buffer) => void): BodyDecoder {
  let payloadBytes = 0
  return {
    feed(buffer, start) {
      const consumed = Math.min(length - payloadBytes, buffer.length - start)
      payloadBytes += consumed
      if (consumed > 0) onData(buffer.subarray(start, start + consumed))
      return { consumed, state: payloadBytes === length ? 'done' : 'more' }
    },
    trailers: [],
    get payloadBytes() {
      return payloadBytes
    },
  }
}

function createChunkedDecoder(onData: (chunk: Buffer) => void, limits: Limits): BodyDecoder {
  const state = newChunkedState()
  return {
    feed(buffer, start) {
      const consumed = feedChunked(state, buffer, start, onData, limits)
      if (state.phase === 'bad') return { consumed, state: 'bad', why: state.why }
      return { consumed, state: state.phase === 'done' ? 'done' : 'more' }
    },
    get trailers() {
      return state.trailers
    },
    get payloadBytes() {
      return state.payloadBytes
    },
  }
}
