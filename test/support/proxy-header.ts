/** PROXY headers of version 2, put together by hand: right ones and wrong ones. */
export const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

/** Two IPv4 addresses and ports: 192.0.2.1:1025 and 198.51.100.2:443. */
export const INET_BLOCK = Buffer.from('c0000201c63364020401' + '01bb', 'hex')

export const tlv = (type: number, value: Buffer): Buffer => {
  const head = Buffer.alloc(3)
  head.writeUInt8(type, 0)
  head.writeUInt16BE(value.length, 1)
  return Buffer.concat([head, value])
}

/** `header(0x21, 0x11, block, tlv…)`; the length is what follows, unless another one is claimed. */
export const binaryHeader = (
  command: number,
  family: number,
  parts: readonly Buffer[],
  claimed = Buffer.concat(parts).length,
): Buffer => {
  const fixed = Buffer.from([command, family, claimed >> 8, claimed & 0xff])
  return Buffer.concat([SIGNATURE, fixed, ...parts])
}
