/** struct sockaddr_in and sockaddr_in6 (ip(7), ipv6(7)). Pure. */
import type { Endpoint } from '../flow.ts'
import { formatAddress } from './address.ts'

const AF_INET = 2
const AF_INET6 = 10
const BYTES = { v4: 16, v6: 28 } as const

export const SOCKADDR_BYTES = BYTES.v6

/** The address and port in `bytes`; undefined for another family and for what is too short. */
export const decodeSockaddr = (bytes: Buffer): Endpoint | undefined => {
  if (bytes.length < BYTES.v4) return undefined
  const family = bytes.readUInt16LE(0)
  const port = bytes.readUInt16BE(2)
  if (family === AF_INET) return { address: `${bytes[4]}.${bytes[5]}.${bytes[6]}.${bytes[7]}`, port }
  return family === AF_INET6 && bytes.length >= BYTES.v6 ? { address: formatAddress(bytes, 8), port } : undefined
}
