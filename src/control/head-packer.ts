/**
 * Request heads as bytes in large blocks outside of the JavaScript heap. As objects, thousands of them that live for
 * minutes would make the collector keep several times their size.
 */
import type { RequestHead } from '../flow.ts'

/** Where a head lies. A block lives as long as one of its heads is known. */
export interface PackedHead {
  readonly block: Buffer
  readonly at: number
  readonly end: number
}

export interface HeadPacker {
  pack(head: RequestHead): PackedHead
  /** Heads to come go into a new block, so that the last one can be freed. */
  restart(): void
}

const BLOCK_BYTES = 256 * 1024
const NO_BLOCK = Buffer.alloc(0)
/** In no part of a head: a line end would have ended it. */
const BETWEEN = '\n'

export const createHeadPacker = (): HeadPacker => {
  let block: Buffer = NO_BLOCK
  let at = 0
  return {
    pack: ({ method, target, path, query, httpVersion, headers, host }) => {
      const start = [method, target, path, query, httpVersion, host === undefined ? '' : `=${host}`].join(BETWEEN)
      const text = headers.length === 0 ? start : start + BETWEEN + headers.join(BETWEEN)
      if (at + text.length > block.length) {
        block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, text.length))
        at = 0
      }
      const from = at
      at += block.write(text, from, 'latin1')
      return { block, at: from, end: at }
    },
    restart: () => {
      block = NO_BLOCK
      at = 0
    },
  }
}

export const unpackHead = ({ block, at, end }: PackedHead): RequestHead => {
  const [method = '', target = '', path = '', query = '', version = '', host = '', ...headers] = block
    .toString('latin1', at, end)
    .split(BETWEEN)
  const httpVersion = version === '1.0' ? '1.0' : '1.1'
  const head = { method, target, path, query, httpVersion, headers } as const
  return host === '' ? head : { ...head, host: host.slice(1) }
}
