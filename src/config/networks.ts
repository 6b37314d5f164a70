/** The two shapes in which an operator names destinations to leave alone: port ranges and CIDRs. */
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { z } from 'zod'

const MAX_PORT = 65535
const PORT_RANGE = /^(\d{1,5})(?:-(\d{1,5}))?$/
const CIDR = /^([^/]+)(?:\/(\d{1,3}))?$/
const PORT_EXPECTED = 'expected a port from 1 to 65535 or a range such as "8000-8100"'
const CIDR_EXPECTED = 'expected a CIDR such as "10.0.0.0/8" or "fd00::/8", or an address'

/** `from` and `to` are both included. */
export interface PortRange {
  readonly from: number
  readonly to: number
}

/** A network; `address` as written, `prefix` in bits of its own family. */
export interface Cidr {
  readonly address: string
  readonly prefix: number
}

/** Accepts 5432, "5432" and "8000-8100". */
export const PortRange = z
  .union([z.number(), z.string()], { error: PORT_EXPECTED })
  .transform((input, context): PortRange => {
    const [, first = '', last = first] = PORT_RANGE.exec(String(input)) ?? []
    const range = { from: Number(first), to: Number(last) }
    if (range.from >= 1 && range.from <= range.to && range.to <= MAX_PORT) return range
    context.addIssue({ code: 'custom', message: PORT_EXPECTED, input })
    return z.NEVER
  })

/** Accepts "10.0.0.0/8", "fd00::/8" and bare addresses; a v4-mapped IPv6 network has to be written as IPv4. */
export const Cidr = z.string({ error: CIDR_EXPECTED }).transform((input, context): Cidr => {
  const [, address = '', bits] = CIDR.exec(input) ?? []
  const longest = isIPv4(address) ? 32 : 128
  const prefix = bits === undefined ? longest : Number(bits)
  if (isIP(address) === 0 || address.includes('%') || prefix > longest) {
    context.addIssue({ code: 'custom', message: CIDR_EXPECTED, input })
    return z.NEVER
  }
  if (isMapped(address)) {
    context.addIssue({ code: 'custom', message: 'expected a v4-mapped network to be written as IPv4', input })
    return z.NEVER
  }
  return { address, prefix }
})

/** A test for addresses: whether one is in one of the networks. */
export const inNetworks = (networks: readonly Cidr[]): ((address: string) => boolean) => {
  const list = new BlockList()
  const familyOf = (address: string) => (isIPv6(address) ? 'ipv6' : 'ipv4')
  for (const { address, prefix } of networks) list.addSubnet(address, prefix, familyOf(address))
  return (address) => {
    // A zone tells links apart, not networks.
    const [bare = ''] = address.split('%', 1)
    return isIP(bare) !== 0 && list.check(bare, familyOf(bare))
  }
}

const MAPPED = new BlockList()
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6')

function isMapped(address: string): boolean {
  return !isIPv4(address) && MAPPED.check(address, 'ipv6')
}
