/** IP addresses as numbers and back, in the one spelling that everything else compares. Pure. */
import { isIP, isIPv4, isIPv6 } from 'node:net'
import { plainAddress } from '../resolve/plain-address.ts'

export interface Network {
  readonly address: string
  /** In bits of the address's own family. */
  readonly prefix: number
}

/** As the kernel's records spell it: RFC 5952, IPv4 for v4-mapped. Undefined for what is no address. */
export const canonicalAddress = (text: string): string | undefined => {
  if (isIPv4(text)) return text
  if (!isIPv6(text) || text.includes('%')) return undefined
  return plainAddress(new URL(`http://[${text}]/`).hostname.slice(1, -1))
}

/** An address as one number. Throws RangeError on what is no address. */
export const addressNumber = (text: string): bigint => {
  if (isIPv4(text)) return text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n)
  if (isIP(text) === 0 || text.includes('%')) throw new RangeError(`not an IP address: ${text}`)
  const [head = '', tail] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split('::')
  const left = head.split(':').filter(Boolean)
  const right = (tail ?? '').split(':').filter(Boolean)
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n)
}

export const addressText4 = (value: bigint): string =>
  [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.')

export const addressText6 = (value: bigint): string => {
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
}
