/** Version 2: 16 fixed bytes, two addresses with their ports, and TLVs (section 2.2). */
import type { Endpoint } from '../flow.ts'
import { ipv4At, ipv6At } from './address.ts'
import { crc32c } from './crc32c.ts'
import { type Family, MAX_V2_LENGTH, malformed, type Parsed, SIGNATURE_V2 } from './header.ts'

const MORE: Parsed = { kind: 'more', isHeader: true }
const VERSION_AT = SIGNATURE_V2.length
const FAMILY_AT = VERSION_AT + 1
const LENGTH_AT = FAMILY_AT + 1
const FIXED_BYTES = LENGTH_AT + 2
const STREAM = 1
const MAX_TRANSPORT = 2
/** By number; with the bytes that both addresses and ports take. */
const FAMILIES: readonly { readonly family: Family; readonly bytes: number }[] = [
  { family: 'unspec', bytes: 0 },
  { family: 'inet', bytes: 12 },
  { family: 'inet6', bytes: 36 },
  { family: 'unix', bytes: 216 },
]
const TLV_HEAD_BYTES = 3
const TYPE_CRC32C = 0x03
const CRC_BYTES = 4

/** The TLVs from `from` to the end of the header: what is wrong with them, if anything. */
const faultOfTlvs = (header: Buffer, from: number): string | undefined => {
  for (let at = from; at < header.length; ) {
    if (at + TLV_HEAD_BYTES > header.length) return 'a TLV is cut short'
    const type = header[at]
    const bytes = header.readUInt16BE(at + 1)
    const value = at + TLV_HEAD_BYTES
    at = value + bytes
    if (at > header.length) return 'a TLV is longer than the header'
    if (type !== TYPE_CRC32C) continue
    if (bytes !== CRC_BYTES) return 'a checksum of the wrong length'
    if (crc32c(header, value) !== header.readUInt32BE(value)) return 'the checksum is wrong'
  }
  return undefined
}

const endpoints = (header: Buffer, isInet: boolean): { readonly source: Endpoint; readonly destination: Endpoint } => {
  const size = isInet ? 4 : 16
  const address = isInet ? ipv4At : ipv6At
  const ports = FIXED_BYTES + 2 * size
  return {
    source: { address: address(header, FIXED_BYTES), port: header.readUInt16BE(ports) },
    destination: { address: address(header, FIXED_BYTES + size), port: header.readUInt16BE(ports + 2) },
  }
}

/** The header of a connection that was made for somebody: `header` is all of it. */
const parseProxied = (header: Buffer, { family, bytes }: (typeof FAMILIES)[number], transport: number): Parsed => {
  const found = { kind: 'header', version: 2, command: 'proxy', family, length: header.length } as const
  // Where the addresses end, if there are any, is not said: nothing in it can be told apart.
  if (family === 'unspec') return found
  const why = faultOfTlvs(header, FIXED_BYTES + bytes)
  if (why !== undefined) return malformed(why)
  // What a datagram was for is nowhere that this connection could be sent on to.
  if (family === 'unix' || transport !== STREAM) return found
  return { ...found, ...endpoints(header, family === 'inet') }
}

/** `bytes` begin with the signature. */
export const parseBinary = (bytes: Buffer): Parsed => {
  const [version, protocol] = [bytes[VERSION_AT], bytes[FAMILY_AT]]
  if (version === undefined) return MORE
  if (version >> 4 !== 2) return malformed(`version ${version >> 4} in a header of version 2`)
  const command = version & 0x0f
  if (command > 1) return malformed(`command ${command} is unknown`)
  if (protocol === undefined) return MORE
  // LOCAL: the whole block is to be skipped, the family included.
  const isLocal = command === 0
  const family = FAMILIES[isLocal ? 0 : protocol >> 4]
  const transport = protocol & 0x0f
  if (!family || (!isLocal && transport > MAX_TRANSPORT)) return malformed('an unknown address family or transport')
  if (bytes.length < FIXED_BYTES) return MORE
  const announced = bytes.readUInt16BE(LENGTH_AT)
  if (announced > MAX_V2_LENGTH) return malformed(`it announces ${announced} bytes`)
  if (announced < family.bytes) return malformed(`${announced} bytes are too few for its addresses`)
  const length = FIXED_BYTES + announced
  if (bytes.length < length) return MORE
  if (isLocal) return { kind: 'header', version: 2, command: 'local', family: 'unspec', length }
  // Half a protocol is no protocol: INET without a transport tells as little as neither.
  const known = transport === 0 ? FAMILIES[0] : family
  return parseProxied(bytes.subarray(0, length), known ?? family, transport)
}
