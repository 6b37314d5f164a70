/** IP addresses between text and the wire. Pure: `node:net` is asked about text only. */
import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import { plainAddress } from '../resolve/plain-address.ts'

const GROUPS = 8

/** The one text of an IPv6 address that everything else compares (RFC 5952); a v4-mapped one as IPv4. */
export const ipv6Text = (address: string): string =>
  plainAddress(new SocketAddress({ address, family: 'ipv6' }).address)

/** Text of the 4 bytes at `at`. */
export const ipv4At = (bytes: Buffer, at: number): string => bytes.subarray(at, at + 4).join('.')

/** Text of the 16 bytes at `at`; IPv4 where they are v4-mapped. */
export const ipv6At = (bytes: Buffer, at: number): string => {
  const groups = Array.from({ length: GROUPS }, (_, i) => bytes.readUInt16BE(at + 2 * i).toString(16))
  return ipv6Text(groups.join(':'))
}

/** An address as a header can carry it: without its zone, which means nothing elsewhere. undefined for a name. */
export const literalOf = (address: string): string | undefined => {
  const [bare = ''] = address.split('%', 1)
  if (isIPv4(bare)) return bare
  return isIPv6(bare) ? ipv6Text(bare) : undefined
}

/** The 4 bytes of an IPv4 literal. */
export const ipv4Bytes = (address: string): Buffer => Buffer.from(address.split('.').map(Number))

const groupsOf = (text: string): number[] =>
  text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))

/** The 16 bytes of an IPv4 (then v4-mapped) or IPv6 literal as `literalOf` gives it. */
export const ipv6Bytes = (address: string): Buffer => {
  const bytes = Buffer.alloc(2 * GROUPS)
  const v4 = /(?:^|:)(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  if (v4 !== undefined) {
    ipv4Bytes(v4).copy(bytes, 12)
    // RFC 5952 writes only v4-mapped and the old v4-compatible addresses (all zero before) like this.
    if (v4 === address) bytes.writeUInt16BE(0xffff, 10)
    return bytes
  }
  const [head = '', tail = ''] = address.split('::')
  const [left, right] = [groupsOf(head), groupsOf(tail)]
  left.forEach((group, i) => void bytes.writeUInt16BE(group, 2 * i))
  right.forEach((group, i) => void bytes.writeUInt16BE(group, 2 * (GROUPS - right.length + i)))
  return bytes
}
