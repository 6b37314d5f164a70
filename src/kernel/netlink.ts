/**
 * Netlink messages and their attributes (include/uapi/linux/netlink.h), in the byte order of the machine, which is
 * little-endian here. Pure. Nothing in it throws on what it reads: damage is `undefined`.
 */

export const NLM_F_REQUEST = 0x01
const NLMSG_ERROR = 2
const HEADER_BYTES = 16
const ATTRIBUTE_BYTES = 4
/** NLA_F_NESTED and NLA_F_NET_BYTEORDER are flags beside an attribute's type. */
const NESTED = 0x8000
const TYPE_MASK = 0x3fff

const aligned = (length: number): number => (length + 3) & ~3

/** One struct nlmsghdr and what follows it. */
export interface NetlinkMessage {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  readonly payload: Buffer
}

/** The bytes of one message, from and to port 0, which is the kernel. */
export const encodeMessage = ({ type, flags, sequence, payload }: NetlinkMessage): Buffer => {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(HEADER_BYTES + payload.length, 0)
  header.writeUInt16LE(type, 4)
  header.writeUInt16LE(flags, 6)
  header.writeUInt32LE(sequence, 8)
  return Buffer.concat([header, payload])
}

/** The first message of a datagram; undefined where it is cut off or its length is impossible. */
export const decodeMessage = (datagram: Buffer): NetlinkMessage | undefined => {
  if (datagram.length < HEADER_BYTES) return undefined
  const length = datagram.readUInt32LE(0)
  if (length < HEADER_BYTES || length > datagram.length) return undefined
  return {
    type: datagram.readUInt16LE(4),
    flags: datagram.readUInt16LE(6),
    sequence: datagram.readUInt32LE(8),
    payload: datagram.subarray(HEADER_BYTES, length),
  }
}

/** The errno of an NLMSG_ERROR, negative as the kernel writes it, 0 for an acknowledgement; undefined for others. */
export const errorOf = ({ type, payload }: NetlinkMessage): number | undefined =>
  type === NLMSG_ERROR && payload.length >= 4 ? payload.readInt32LE(0) : undefined

/** One struct nlattr with its payload, padded to four bytes. */
export const encodeAttribute = (type: number, payload: Buffer): Buffer => {
  const bytes = Buffer.alloc(aligned(ATTRIBUTE_BYTES + payload.length))
  bytes.writeUInt16LE(ATTRIBUTE_BYTES + payload.length, 0)
  bytes.writeUInt16LE(type, 2)
  payload.copy(bytes, ATTRIBUTE_BYTES)
  return bytes
}

/** An attribute that holds attributes. */
export const encodeNested = (type: number, ...attributes: readonly Buffer[]): Buffer =>
  encodeAttribute(type | NESTED, Buffer.concat(attributes))

/**
 * Type → payload of the attributes in `bytes`, one level deep; the last of a type counts, as in the kernel's own
 * nla_parse. Undefined where a length is impossible. Every step takes at least four bytes, so it ends.
 */
export const decodeAttributes = (bytes: Buffer): ReadonlyMap<number, Buffer> | undefined => {
  const found = new Map<number, Buffer>()
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < ATTRIBUTE_BYTES) return undefined
    const length = bytes.readUInt16LE(at)
    if (length < ATTRIBUTE_BYTES || length > bytes.length - at) return undefined
    found.set(bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + ATTRIBUTE_BYTES, at + length))
    at += aligned(length)
  }
  return found
}
