/**
 * One question to connection tracking over netlink, "whose answers look like this?", and its answer
 * (include/uapi/linux/netfilter/nfnetlink.h and nfnetlink_conntrack.h). The kernel hashes both tuples of every entry, so
 * the question takes as long in a full table as in an empty one. Pure.
 *
 * Zones: none is asked for, which means zone 0, as SO_ORIGINAL_DST does too. What a CNI or a rule (`ct zone set`) has
 * put into another zone is not found. A zone in the original direction only (`ct original zone set`) does not matter,
 * since the reply tuple is then in zone 0.
 */
import { isIPv4 } from 'node:net'
import type { Endpoint } from '../flow.ts'
import { formatAddress, parseAddress } from './address.ts'
import type { ConntrackEntry, Tuple } from './conntrack-entry.ts'
import {
  decodeAttributes,
  decodeMessage,
  encodeAttribute,
  encodeMessage,
  encodeNested,
  errorOf,
  NLM_F_REQUEST,
} from './netlink.ts'

export const NETLINK_NETFILTER = 12
const NFNL_SUBSYS_CTNETLINK = 1
const IPCTNL_MSG_CT_NEW = 0
const IPCTNL_MSG_CT_GET = 1
const NFGENMSG_BYTES = 4
const AF_INET = 2
const AF_INET6 = 10
const IPPROTO_TCP = 6
/** enum ctattr_type, ctattr_tuple, ctattr_ip, ctattr_l4proto. */
const CTA_TUPLE_ORIG = 1
const CTA_TUPLE_REPLY = 2
const CTA_TUPLE_IP = 1
const CTA_TUPLE_PROTO = 2
const CTA_IP_V4 = { source: 1, destination: 2 } as const
const CTA_IP_V6 = { source: 3, destination: 4 } as const
const CTA_PROTO_NUM = 1
const CTA_PROTO_SRC_PORT = 2
const CTA_PROTO_DST_PORT = 3
/** An entry with all its extensions is about 400 bytes; the rest is for those to come. */
export const CONNTRACK_REPLY_BYTES = 8192

const port = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

/** CTA_TUPLE_ORIG (1) or CTA_TUPLE_REPLY (2) of a TCP connection. */
export const encodeTuple = (type: number, { source, destination }: Tuple): Buffer => {
  const [types, skipped] = isIPv4(source.address) ? ([CTA_IP_V4, 12] as const) : ([CTA_IP_V6, 0] as const)
  return encodeNested(
    type,
    encodeNested(
      CTA_TUPLE_IP,
      encodeAttribute(types.source, parseAddress(source.address).subarray(skipped)),
      encodeAttribute(types.destination, parseAddress(destination.address).subarray(skipped)),
    ),
    encodeNested(
      CTA_TUPLE_PROTO,
      encodeAttribute(CTA_PROTO_NUM, Buffer.from([IPPROTO_TCP])),
      encodeAttribute(CTA_PROTO_SRC_PORT, port(source.port)),
      encodeAttribute(CTA_PROTO_DST_PORT, port(destination.port)),
    ),
  )
}

/** struct nfgenmsg: the family of a tuple, version 0, resource 0. */
export const encodeFamily = ({ source }: Tuple): Buffer =>
  Buffer.from([isIPv4(source.address) ? AF_INET : AF_INET6, 0, 0, 0])

/** Asks for the entry whose reply tuple this is; both addresses are of one family. */
export const encodeConntrackGet = (reply: Tuple, sequence: number): Buffer =>
  encodeMessage({
    type: (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET,
    flags: NLM_F_REQUEST,
    sequence,
    payload: Buffer.concat([encodeFamily(reply), encodeTuple(CTA_TUPLE_REPLY, reply)]),
  })

const addressOf = (attributes: ReadonlyMap<number, Buffer>, end: 'source' | 'destination'): string | undefined => {
  const v4 = attributes.get(CTA_IP_V4[end])
  if (v4) return v4.length === 4 ? `${v4[0]}.${v4[1]}.${v4[2]}.${v4[3]}` : undefined
  const v6 = attributes.get(CTA_IP_V6[end])
  return v6?.length === 16 ? formatAddress(v6, 0) : undefined
}

const endpoint = (address: string | undefined, portBytes: Buffer | undefined): Endpoint | undefined =>
  address !== undefined && portBytes?.length === 2 ? { address, port: portBytes.readUInt16BE(0) } : undefined

const decodeTuple = (bytes: Buffer | undefined): Tuple | undefined => {
  const tuple = bytes && decodeAttributes(bytes)
  const ip = decodeAttributes(tuple?.get(CTA_TUPLE_IP) ?? Buffer.alloc(0))
  const proto = decodeAttributes(tuple?.get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0))
  if (!ip || !proto || proto.get(CTA_PROTO_NUM)?.[0] !== IPPROTO_TCP) return undefined
  const source = endpoint(addressOf(ip, 'source'), proto.get(CTA_PROTO_SRC_PORT))
  const destination = endpoint(addressOf(ip, 'destination'), proto.get(CTA_PROTO_DST_PORT))
  return source && destination ? { source, destination } : undefined
}

/** `error` holds the kernel's errno, negative: -ENOENT where there is no such entry. */
export type ConntrackAnswer =
  | { readonly kind: 'entry'; readonly entry: ConntrackEntry }
  | { readonly kind: 'error'; readonly errno: number }
  | { readonly kind: 'broken'; readonly why: string }

const broken = (why: string): ConntrackAnswer => ({ kind: 'broken', why })

/** Reads the datagram that answered question number `sequence`. Never throws. */
export const decodeConntrackAnswer = (datagram: Buffer, sequence: number): ConntrackAnswer => {
  const message = decodeMessage(datagram)
  if (!message) return broken('the message is cut off')
  if (message.sequence !== sequence) return broken('the message answers another question')
  const errno = errorOf(message)
  if (errno !== undefined) return errno < 0 ? { kind: 'error', errno } : broken('an acknowledgement without an entry')
  if (message.type !== ((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW)) {
    return broken(`a message of type ${message.type}`)
  }
  const attributes = decodeAttributes(message.payload.subarray(NFGENMSG_BYTES))
  if (!attributes) return broken('the attributes are cut off')
  const original = decodeTuple(attributes.get(CTA_TUPLE_ORIG))
  const reply = decodeTuple(attributes.get(CTA_TUPLE_REPLY))
  return original && reply ? { kind: 'entry', entry: { original, reply } } : broken('an entry without TCP tuples')
}
