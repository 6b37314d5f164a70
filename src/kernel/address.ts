/** The 16-byte address form of bpf/include/contract.h: IPv4 is v4-mapped (RFC 4291 2.5.5.2). Pure. */
import { isIPv4, isIPv6 } from 'node:net'

const isMapped = (bytes: Buffer, at: number): boolean =>
  bytes.readUInt32LE(at) === 0 && bytes.readUInt32LE(at + 4) === 0 && bytes.readUInt32LE(at + 8) === 0xffff0000

/** Text of the address at `at`: dotted IPv4 where it is v4-mapped, else IPv6 as RFC 5952 writes it. */
export const formatAddress = (bytes: Buffer, at: number): string => {
  if (isMapped(bytes, at)) return `${bytes[at + 12]}.${bytes[at + 13]}.${bytes[at + 14]}.${bytes[at + 15]}`
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + i * 2))
  let best = { start: -1, length: 1 } // a single zero group is not shortened
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (i + length < 8 && groups[i + length] === 0) length++
    if (length > best.length) best = { start: i, length }
    i += length
  }
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  if (best.start < 0) return hex(groups)
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`
}

/** The 16 bytes of an IP literal. Throws RangeError on anything else. */
export const parseAddress = (text: string): Buffer => {
  const bytes = Buffer.alloc(16)
  if (isIPv4(text)) {
    bytes.writeUInt16BE(0xffff, 10)
    text.split('.').forEach((part, i) => {
      bytes[12 + i] = Number(part)
    })
    return bytes
  }
  if (!isIPv6(text) || text.includes('%')) throw new RangeError(`not an IP address: ${text}`)
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)
  const plain = dotted
    ? `${dotted[1]}${(Number(dotted[2]) * 256 + Number(dotted[3])).toString(16)}:${(Number(dotted[4]) * 256 + Number(dotted[5])).toString(16)}`
    : text
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  left.forEach((group, i) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), i * 2)
  })
  right.forEach((group, i) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), 16 - (right.length - i) * 2)
  })
  return bytes
}
