/** What a TLS ClientHello says in the clear: whom the client wants to speak to, and in which protocols. Pure. */
import { serverNameOf } from './server-name.ts'

/** `more`: a longer input may be a hello. Anything else is final: longer input gives the same answer. */
export type ClientHello =
  | { readonly kind: 'more' }
  | {
      readonly kind: 'none'
      readonly why: string
      /** Only because no more than this is ever read. */
      readonly isCut?: true
    }
  | {
      readonly kind: 'hello'
      /** The host name of SNI as sent, without a trailing dot; with ECH, the outer one. Absent where it is no name. */
      readonly serverName?: string
      /** The protocols of ALPN, as latin1. */
      readonly alpn: readonly string[]
      /** Bytes of the input up to the end of the message, with its record headers. */
      readonly length: number
    }

/**
 * Longest hello that is read, record headers included. Go's TLS stops at a handshake message of 64 KiB and OpenSSL's
 * servers took no hello of more than 16 KiB before 1.1.1; real ones, with post-quantum keys, are below 3 KiB.
 */
export const MAX_HELLO_BYTES = 64 * 1024

const RECORD_HEADER = 5
const MESSAGE_HEADER = 4
/** RFC 8446 5.1. */
const MAX_FRAGMENT_BYTES = 1 << 14
const HANDSHAKE = 22
const CLIENT_HELLO = 1
const SERVER_NAME = 0
const ALPN = 16
const RANDOM_BYTES = 32

const MORE: ClientHello = { kind: 'more' }
const none = (why: string): ClientHello => ({ kind: 'none', why })
const TOO_LONG: ClientHello = { kind: 'none', why: 'longer than a ClientHello that is read', isCut: true }

/**
 * Reads the ClientHello (RFC 8446 4.1.2) that `bytes` begin with, whatever records it is split over. Unknown extensions,
 * cipher suites and versions (GREASE, RFC 8701, among them) mean nothing. Never throws.
 */
export const parseClientHello = (bytes: Buffer): ClientHello => {
  const gathered = gather(bytes.subarray(0, MAX_HELLO_BYTES))
  if (gathered.kind !== 'message') return gathered
  const fields = readFields(gathered.body)
  return typeof fields === 'string' ? none(fields) : { kind: 'hello', ...fields, length: gathered.length }
}

type Gathered = ClientHello | { readonly kind: 'message'; readonly body: Buffer; readonly length: number }

/** Puts the handshake message together from its records; `body` is what follows the message's own header. */
const gather = (bytes: Buffer): Gathered => {
  const undecided = bytes.length >= MAX_HELLO_BYTES ? TOO_LONG : MORE
  const parts: Buffer[] = []
  let held = 0
  for (let at = 0; ; ) {
    const fault = recordFault(bytes, at)
    if (fault !== undefined) return none(fault)
    const start = at + RECORD_HEADER
    if (start >= bytes.length) return undecided
    const end = start + bytes.readUInt16BE(at + 3)
    const part = bytes.subarray(start, end)
    if (held === 0 && part[0] !== CLIENT_HELLO) return none('not a ClientHello')
    parts.push(part)
    held += part.length
    const header = held < MESSAGE_HEADER ? undefined : Buffer.concat(parts.slice(0, MESSAGE_HEADER))
    const wanted = header && MESSAGE_HEADER + header.readUIntBE(1, 3)
    if (wanted !== undefined && wanted > MAX_HELLO_BYTES) return TOO_LONG
    if (wanted !== undefined && held >= wanted) {
      const length = start + part.length - (held - wanted)
      const body = Buffer.concat(parts, held).subarray(MESSAGE_HEADER, wanted)
      return { kind: 'message', body, length }
    }
    if (end > bytes.length) return undecided
    at = end
  }
}

/** What is wrong with the record header at `at`, as far as it is there. */
const recordFault = (bytes: Buffer, at: number): string | undefined => {
  const [type, major] = [bytes[at], bytes[at + 1]]
  if (type !== undefined && type !== HANDSHAKE) return 'not a handshake record'
  if (major !== undefined && major !== 3) return 'not a version of TLS'
  if (at + RECORD_HEADER > bytes.length) return undefined
  const length = bytes.readUInt16BE(at + 3)
  return length === 0 || length > MAX_FRAGMENT_BYTES ? 'a record of an impossible length' : undefined
}

interface Fields {
  readonly serverName?: string
  readonly alpn: readonly string[]
}

/** Reads on in a message; `undefined` once something does not fit. */
const createCursor = (bytes: Buffer) => {
  let at = 0
  const take = (length: number): Buffer | undefined => {
    if (at + length > bytes.length) return undefined
    at += length
    return bytes.subarray(at - length, at)
  }
  const number = (size: 1 | 2): number | undefined => take(size)?.readUIntBE(0, size)
  return {
    take,
    number,
    /** A vector behind its length (RFC 8446 3.4). */
    vector: (lengthSize: 1 | 2): Buffer | undefined => {
      const length = number(lengthSize)
      return length === undefined ? undefined : take(length)
    },
    get isAtEnd() {
      return at === bytes.length
    },
  }
}

const readFields = (body: Buffer): Fields | string => {
  const cursor = createCursor(body)
  const fixed = cursor.take(2 + RANDOM_BYTES)
  const session = cursor.vector(1)
  const suites = cursor.vector(2)
  const compression = cursor.vector(1)
  if (!fixed || !session || !suites || !compression) return 'a ClientHello that is cut short'
  if (cursor.isAtEnd) return { alpn: [] } // TLS 1.2 and older need no extensions
  const extensions = cursor.vector(2)
  if (!extensions || !cursor.isAtEnd) return 'a ClientHello whose lengths do not add up'
  return readExtensions(extensions)
}

const readExtensions = (bytes: Buffer): Fields | string => {
  const cursor = createCursor(bytes)
  let serverName: string | undefined
  let alpn: readonly string[] = []
  const seen = new Set<number>()
  while (!cursor.isAtEnd) {
    const type = cursor.number(2)
    const data = cursor.vector(2)
    if (type === undefined || !data) return 'an extension that is cut short'
    // Two readers could take two different ones for the name that counts.
    if (seen.has(type)) return 'an extension twice'
    seen.add(type)
    if (type === SERVER_NAME) {
      const names = readServerNames(data)
      if (!names) return 'a malformed server_name'
      serverName = serverNameOf(names.hostName)
    } else if (type === ALPN) {
      const protocols = readProtocols(data)
      if (!protocols) return 'a malformed ALPN'
      alpn = protocols
    }
  }
  return { ...(serverName === undefined ? {} : { serverName }), alpn }
}

/** RFC 6066 3: one name of a type at most; host_name is type 0, and any other begins with its length too. */
const readServerNames = (data: Buffer): { readonly hostName: string } | undefined => {
  const outer = createCursor(data)
  const list = outer.vector(2)
  if (!list || list.length === 0 || !outer.isAtEnd) return undefined
  const cursor = createCursor(list)
  let hostName: string | undefined
  while (!cursor.isAtEnd) {
    const type = cursor.number(1)
    const name = cursor.vector(2)
    if (type === undefined || !name || name.length === 0) return undefined
    if (type === 0 && hostName !== undefined) return undefined
    if (type === 0) hostName = name.toString('latin1')
  }
  return { hostName: hostName ?? '' }
}

/** RFC 7301 3.1. */
const readProtocols = (data: Buffer): string[] | undefined => {
  const outer = createCursor(data)
  const list = outer.vector(2)
  if (!list || list.length === 0 || !outer.isAtEnd) return undefined
  const cursor = createCursor(list)
  const names: string[] = []
  while (!cursor.isAtEnd) {
    const name = cursor.vector(1)
    if (!name || name.length === 0) return undefined
    names.push(name.toString('latin1'))
  }
  return names
}
