/** Writes PROXY headers. Pure. */
import { isIPv4 } from 'node:net'
import type { Endpoint } from '../flow.ts'
import { ipv4Bytes, ipv6Bytes, literalOf } from './address.ts'
import { SIGNATURE_V2 } from './header.ts'

const VERSION_2 = 0x20
const LOCAL = 0
const PROXY = 1
const TCP4 = 0x11
const TCP6 = 0x21
const MAX_PORT = 65535

interface Ends {
  readonly isInet: boolean
  readonly from: string
  readonly to: string
}

/** The two addresses in a form that has both; undefined where one of them cannot be told. */
const endsOf = (source: Endpoint, destination: Endpoint): Ends | undefined => {
  const isPort = ({ port }: Endpoint): boolean => Number.isInteger(port) && port >= 0 && port <= MAX_PORT
  const [from, to] = [literalOf(source.address), literalOf(destination.address)]
  if (from === undefined || to === undefined || !isPort(source) || !isPort(destination)) return undefined
  return { isInet: isIPv4(from) && isIPv4(to), from, to }
}

const writeLine = (source: Endpoint, destination: Endpoint): Buffer => {
  const ends = endsOf(source, destination)
  if (!ends) return Buffer.from('PROXY UNKNOWN\r\n')
  const { isInet } = ends
  const [from, to] = [ends.from, ends.to].map((text) => (isInet || !isIPv4(text) ? text : `::ffff:${text}`))
  return Buffer.from(`PROXY TCP${isInet ? 4 : 6} ${from} ${to} ${source.port} ${destination.port}\r\n`)
}

const writeBinary = (source: Endpoint, destination: Endpoint): Buffer => {
  const ends = endsOf(source, destination)
  if (!ends) return Buffer.from([...SIGNATURE_V2, VERSION_2 | LOCAL, 0, 0, 0])
  const bytesOf = ends.isInet ? ipv4Bytes : ipv6Bytes
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(source.port, 0)
  ports.writeUInt16BE(destination.port, 2)
  const block = Buffer.concat([bytesOf(ends.from), bytesOf(ends.to), ports])
  const fixed = [VERSION_2 | PROXY, ends.isInet ? TCP4 : TCP6, 0, block.length]
  return Buffer.concat([SIGNATURE_V2, Buffer.from(fixed), block])
}

/**
 * The header for a connection that is made on behalf of `source`, which was going to `destination`. IPv4 beside IPv6 is
 * written v4-mapped; where an address is no IP literal, the header says that nothing is known: UNKNOWN, or LOCAL.
 */
export const writeHeader = (version: 1 | 2, source: Endpoint, destination: Endpoint): Buffer =>
  version === 1 ? writeLine(source, destination) : writeBinary(source, destination)
