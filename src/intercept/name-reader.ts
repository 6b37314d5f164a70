/** Whom the first bytes of a connection name, where its protocol is known. */
import type { Named } from '../flow.ts'
import { parseClientHello } from '../tls/client-hello.ts'
import { type AuthorityReader, readAuthority } from './http2-authority.ts'
import type { Sniffed } from './sniff.ts'

export interface NameReader {
  /** All bytes so far; to be called again when there are more. */
  look(bytes: Buffer): void
  /** `done` is not called any more. */
  close(): void
}

export interface NameOptions {
  /** Nothing else says where this goes, so that the first request of HTTP/2 is worth waiting for. */
  readonly awaitsName: boolean
  /** Called when a name was not found in as many bytes as are looked at. */
  readonly onLimit: () => void
}

/** Calls `done` once, maybe before `look` returns: with the name, or with nothing where none is to be waited for. */
export const createNameReader = (
  protocol: Exclude<Sniffed, 'more'>,
  { awaitsName, onLimit }: NameOptions,
  done: (named?: Named) => void,
): NameReader => {
  if (protocol === 'tls') return { look: (bytes) => readServerName(bytes, onLimit, done), close: ignore }
  if (protocol !== 'http2' || !awaitsName) return { look: () => done(), close: ignore }
  const reader: AuthorityReader = readAuthority(onLimit, done)
  let fed = 0
  return {
    look: (bytes) => {
      reader.feed(bytes.subarray(fed))
      fed = bytes.length
    },
    close: reader.close,
  }
}

const ignore = (): void => undefined

const readServerName = (bytes: Buffer, onLimit: () => void, done: (named?: Named) => void): void => {
  const hello = parseClientHello(bytes)
  if (hello.kind === 'more') return
  if (hello.kind === 'none' && hello.isCut) onLimit()
  done(hello.kind === 'hello' && hello.serverName !== undefined ? { address: hello.serverName } : undefined)
}

/** What an HTTP/2 connection names, which is for the record only: looked for while its bytes are on their way already. */
export const lookMeanwhile = (bytes: Buffer): (() => Named | undefined) => {
  let known: Named | undefined
  const reader = readAuthority(ignore, (named) => {
    known = named
  })
  reader.feed(bytes)
  reader.end()
  return () => known
}
