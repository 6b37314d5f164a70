/** CRC-32C (Castagnoli), as RFC 4960 appendix B computes it; `node:zlib` only has the other polynomial. Pure. */

/** The polynomial 0x1EDC6F41 with its bits reversed. */
const POLYNOMIAL = 0x82f63b78

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1
  return value
})

/** The checksum of all bytes, those from `zeroAt` to `zeroAt + 4` counted as zero: a field that holds the checksum. */
export const crc32c = (bytes: Buffer, zeroAt = bytes.length): number => {
  let crc = 0xffffffff
  for (const [at, byte] of bytes.entries()) {
    const counted = at >= zeroAt && at < zeroAt + 4 ? 0 : byte
    crc = (crc >>> 8) ^ (TABLE[(crc ^ counted) & 0xff] ?? 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}
