const MAPPED = /^(?:0{0,4}:){2,5}:?ffff:/i
const HEX_PAIR = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i

/** An IP literal in the form everything else compares: a v4-mapped IPv6 address as the IPv4 address it is. */
export const plainAddress = (address: string): string => {
  if (!address.includes(':')) return address
  const rest = address.replace(MAPPED, '')
  if (rest === address) return address
  if (!rest.includes(':')) return rest
  const [, high, low] = HEX_PAIR.exec(rest) ?? []
  if (high === undefined || low === undefined) return address
  const value = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16)
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.')
}
