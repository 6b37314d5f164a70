/**
 * Addresses for names that exist only as expectations: a program has to connect somewhere, and the address it was given
 * tells which name it meant. Pure.
 */
import { BlockList, isIPv4 } from 'node:net'
import { addressNumber, addressText4, addressText6, canonicalAddress, type Network } from './address.ts'

export interface ReservedAddresses {
  readonly v4: string
  readonly v6: string
}

export interface Reserved {
  /** The addresses of `name`, the same each time until so many other names have been asked for that it was dropped. */
  reserve(name: string): ReservedAddresses
  nameOf(address: string): string | undefined
  /** Whether an address lies in one of the two ranges, given out or not: nothing can be there. */
  isReserved(address: string): boolean
  size(): number
}

export interface ReservedOptions {
  /**
   * By default 240.241.0.0/16, of class E: Linux routes it (since 2.6.25), nobody can have been given it (RFC 1112 4), and
   * so no workload can have meant it.
   */
  readonly range4: Network
  /** By default 2001:2:0:1::/64, of the network set aside for benchmarks (RFC 5180 8), never routed. */
  readonly range6: Network
  readonly limit?: number
  /** Called when the name unused longest has to give up its address. */
  readonly onReused?: () => void
}

interface Slot {
  readonly index: number
  readonly addresses: ReservedAddresses
}

const DEFAULT_LIMIT = 4096

export const createReserved = ({
  range4,
  range6,
  limit = DEFAULT_LIMIT,
  onReused = () => {},
}: ReservedOptions): Reserved => {
  const [first4, count4] = usable(range4, 32)
  const [first6, count6] = usable(range6, 128)
  const capacity = Math.max(1, Math.min(limit, count4, count6))
  const ranges = new BlockList()
  ranges.addSubnet(range4.address, range4.prefix, 'ipv4')
  ranges.addSubnet(range6.address, range6.prefix, 'ipv6')
  /** By name; the one used last comes last. */
  const slots = new Map<string, Slot>()
  const names = new Map<string, string>()

  const use = (name: string, slot: Slot): void => {
    slots.delete(name)
    slots.set(name, slot)
  }
  const freeIndex = (): number => {
    if (slots.size < capacity) return slots.size
    const [[name, slot] = ['', undefined]] = slots
    if (!slot) return 0
    slots.delete(name)
    names.delete(slot.addresses.v4)
    names.delete(slot.addresses.v6)
    onReused()
    return slot.index
  }
  return {
    reserve(name) {
      const known = slots.get(name)
      if (known) {
        use(name, known)
        return known.addresses
      }
      const index = freeIndex()
      const addresses = { v4: addressText4(first4 + BigInt(index)), v6: addressText6(first6 + BigInt(index)) }
      slots.set(name, { index, addresses })
      names.set(addresses.v4, name)
      names.set(addresses.v6, name)
      return addresses
    },
    nameOf(address) {
      const name = names.get(canonicalAddress(address) ?? '')
      const slot = name === undefined ? undefined : slots.get(name)
      if (name !== undefined && slot) use(name, slot)
      return name
    },
    isReserved(address) {
      const canonical = canonicalAddress(address)
      return canonical !== undefined && ranges.check(canonical, isIPv4(canonical) ? 'ipv4' : 'ipv6')
    },
    size: () => slots.size,
  }
}

/** The first address to give out and how many there are: not the first and the last of a range, as some take them for
 * network and broadcast. */
const usable = ({ address, prefix }: Network, bits: number): readonly [bigint, number] => {
  const count = 2n ** BigInt(bits - prefix)
  const first = (addressNumber(address) / count) * count
  return count >= 4n ? [first + 1n, Number(count - 2n)] : [first, Number(count)]
}
