/**
 * Which name led to which address: what the resolver told a workload is why it connects there. Pure, with the clock
 * injected.
 */
import type { Workload } from '../flow.ts'

export interface Intents {
  /** Notes that `name` (and `aliases`, met on the way of a CNAME chain) led to these addresses for `ttlS` seconds. */
  remember(
    workload: Workload,
    name: string,
    addresses: readonly string[],
    ttlS: number,
    aliases?: readonly string[],
  ): void
  /** The name told most recently for an address; undefined where none is, or not any longer. */
  nameOf(workload: Workload, address: string): string | undefined
  /** Every live name of an address, aliases included, the most recent first. */
  namesOf(workload: Workload, address: string): readonly string[]
  forget(workload: Workload): void
  /** Addresses held now. */
  size(): number
}

export interface IntentsOptions {
  /** Milliseconds, monotonic. */
  readonly now: () => number
  readonly addressesPerWorkload?: number
  readonly addressesInAll?: number
  /** Called for each address that made room for another. */
  readonly onEvicted?: () => void
}

/**
 * The connection comes after the answer, and often long after its time to live: libraries keep what they were told (Java
 * for 30 seconds, some servers until they are restarted), and a TTL of 0 is common. Past the hour a name is no more
 * evidence than the address itself.
 */
const MIN_LIFE_S = 30
const MAX_LIFE_S = 3600
const MAX_NAMES = 8

interface Told {
  readonly expiresAtMs: number
  readonly isAlias: boolean
}
/** By name, told last comes last. */
type Names = Map<string, Told>
/** By address, told last comes last. */
type Addresses = Map<string, Names>

export const createIntents = (options: IntentsOptions): Intents => {
  const { now, addressesPerWorkload = 4096, addressesInAll = 65_536, onEvicted = () => {} } = options
  const workloads = new Map<number, Addresses>()
  let size = 0

  const evictFrom = (addresses: Addresses): void => {
    const [oldest] = addresses.keys()
    if (oldest === undefined || !addresses.delete(oldest)) return
    size--
    onEvicted()
  }
  const makeRoom = (own: Addresses): void => {
    if (own.size >= addressesPerWorkload) evictFrom(own)
    if (size < addressesInAll) return
    // The workload that was told something longest ago gives way.
    for (const addresses of workloads.values()) if (addresses.size > 0) return evictFrom(addresses)
  }
  const namesFor = (id: number, address: string): Names => {
    const addresses = moveToEnd(workloads, id, () => new Map())
    if (!addresses.has(address)) {
      makeRoom(addresses)
      size++
    }
    return moveToEnd(addresses, address, () => new Map())
  }
  const live = (workload: Workload, address: string): (readonly [string, Told])[] => {
    const time = now()
    const names = workloads.get(workload.id)?.get(address)
    return names ? [...names].filter(([, { expiresAtMs }]) => expiresAtMs > time).reverse() : []
  }
  return {
    remember(workload, name, addresses, ttlS, aliases = []) {
      const expiresAtMs = now() + 1000 * Math.min(MAX_LIFE_S, Math.max(MIN_LIFE_S, ttlS))
      for (const address of addresses) {
        const names = namesFor(workload.id, address)
        for (const alias of aliases.slice(0, MAX_NAMES - 1)) tell(names, alias, { expiresAtMs, isAlias: true })
        tell(names, name, { expiresAtMs, isAlias: false })
      }
    },
    nameOf: (workload, address) => live(workload, address).find(([, { isAlias }]) => !isAlias)?.[0],
    namesOf: (workload, address) => live(workload, address).map(([name]) => name),
    forget(workload) {
      size -= workloads.get(workload.id)?.size ?? 0
      workloads.delete(workload.id)
    },
    size: () => size,
  }
}

const moveToEnd = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const value = map.get(key) ?? make()
  map.delete(key)
  map.set(key, value)
  return value
}

/** A name that was asked for stays one when it is later met as an alias. */
const tell = (names: Names, name: string, told: Told): void => {
  const before = names.get(name)
  names.delete(name)
  names.set(name, told.isAlias && before && !before.isAlias ? { ...told, isAlias: false } : told)
  if (names.size <= MAX_NAMES) return
  const [oldest] = names.keys()
  if (oldest !== undefined) names.delete(oldest)
}
