/**
 * Whom the first request of an HTTP/2 connection is for. HPACK is left to node's own parser: a session that speaks to
 * nobody is shown the client's bytes and thrown away. The bytes themselves are only looked at.
 */
import { type IncomingHttpHeaders, performServerHandshake } from 'node:http2'
import { Duplex } from 'node:stream'
import type { Named } from '../flow.ts'
import { parseAuthority } from '../resolve/authority.ts'

export interface AuthorityReader {
  /** Bytes of the connection, in order from its preface. */
  feed(bytes: Buffer): void
  /** No more will come: what was fed decides. */
  end(): void
  /** Lets go of everything; `done` is not called any more. */
  close(): void
}

/** No request head is longer than this with its preface and settings; the heads of node's own server are 16 KiB. */
export const MAX_AUTHORITY_BYTES = 64 * 1024
/** The least that node can be told. */
const SESSION_MEMORY_MB = 1
const ignore = (): void => undefined

/** As with HTTP/1.1, what was to be encrypted is not named for a connection in the clear; nor is a tunnel's end. */
const namedBy = (headers: IncomingHttpHeaders): Named | undefined =>
  headers[':scheme'] === 'http' ? parseAuthority(headers[':authority'] ?? headers.host) : undefined

/**
 * Calls `done` once, in a later turn: with what the first request names, or with undefined where it names nothing, the
 * bytes are malformed or there are too many of them, which `onLimit` is told.
 */
export const readAuthority = (onLimit: () => void, done: (named: Named | undefined) => void): AuthorityReader => {
  const unheard = new Duplex({ read: ignore, write: (_chunk, _encoding, written) => written() })
  unheard.on('error', ignore)
  const session = performServerHandshake(unheard, { maxSessionMemory: SESSION_MEMORY_MB })
  let left = MAX_AUTHORITY_BYTES
  let isOver = false
  const close = (): void => {
    if (isOver) return
    isOver = true
    session.destroy()
  }
  const finish = (named: Named | undefined): void => {
    if (isOver) return
    close()
    done(named)
  }
  session.on('error', () => finish(undefined))
  session.on('close', () => finish(undefined))
  session.on('stream', (stream, headers) => {
    stream.on('error', ignore)
    finish(namedBy(headers))
  })
  return {
    feed: (bytes) => {
      if (isOver || left < 0) return
      left -= bytes.length
      if (left >= 0) return void unheard.push(bytes)
      onLimit()
      setImmediate(finish, undefined)
    },
    end: () => {
      if (!isOver) unheard.push(null)
    },
    close,
  }
}
