/** Who is intercepted and how: the policies by netns cookie, and the destinations that each leaves alone. */
import { UnderstudyError } from '../errors.ts'
import { u64 } from './integers.ts'
import { CIDR_KEY, decodePolicy, encodeCidr, encodePolicy, POLICY, type PolicyRecord } from './layout.ts'
import { errorName, type Shim } from './shim.ts'

export interface PolicyEntry {
  readonly netnsCookie: bigint
  readonly policy: PolicyRecord
}

export interface PolicyTable {
  /** Key 0n is the policy of whatever the programs are attached to. Throws MAP_FULL; then nothing has changed. */
  setPolicy(netnsCookie: bigint, policy: PolicyRecord): void
  /** Whether there was one. Its connections go on; new ones go direct. */
  removePolicy(netnsCookie: bigint): boolean
  policyOf(netnsCookie: bigint): PolicyRecord | undefined
  /** All there are, those among them that an earlier agent has left. */
  policies(): PolicyEntry[]
  /** Connections under this policy to the network are left alone. Throws MAP_FULL; then nothing has changed. */
  excludeCidr(policyId: number, address: string, prefix: number): void
  /** Undoes all of a policy's excludeCidr; returns how many there were. */
  includeCidrs(policyId: number): number
}

const REMEDIES = {
  policies: 'Opt fewer pods of this node in.',
  excluded_cidrs: 'Exclude fewer networks, or have pods exclude the same ones by a shorter prefix.',
} as const
type Table = keyof typeof REMEDIES

/** A hash map that is full says E2BIG, a trie ENOSPC. */
const FULL = new Set(['E2BIG', 'ENOSPC'])
const POLICY_KEY_BYTES = 8
const CIDR_VALUE_BYTES = 1

/** The entries of a map, each once. */
const list = (shim: Shim, handle: number, map: Table, keyBytes: number, valueBytes: number): Buffer[] => {
  const size = keyBytes + valueBytes
  const buffer = Buffer.alloc(shim.call('understudy_map_capacity', handle, map) * size)
  const count = shim.call('understudy_map_list', handle, map, buffer, buffer.length)
  const found = new Map<string, Buffer>()
  for (let i = 0; i < count; i++) {
    const entry = buffer.subarray(i * size, (i + 1) * size)
    found.set(entry.toString('latin1', 0, keyBytes), entry)
  }
  return [...found.values()]
}

/** `handle` is asked for at each call: it changes when the programs are closed. */
export const policyTable = (shim: Shim, handle: () => number): PolicyTable => {
  const update = (map: Table, key: Buffer, value: Buffer): void => {
    const result = shim.raw('understudy_map_update', handle(), map, key, value)
    if (result >= 0) return
    const errno = errorName(result)
    if (!FULL.has(errno)) shim.call('understudy_map_update', handle(), map, key, value)
    const bound = shim.raw('understudy_map_capacity', handle(), map)
    throw new UnderstudyError('MAP_FULL', `the kernel's map ${map} is full: it holds ${bound} entries`, {
      remedy: REMEDIES[map],
      facts: { map, bound, errno },
    })
  }
  return {
    setPolicy: (netnsCookie, policy) => update('policies', u64(netnsCookie), encodePolicy(policy)),
    removePolicy: (netnsCookie) => {
      const result = shim.raw('understudy_map_delete', handle(), 'policies', u64(netnsCookie))
      if (result >= 0) return true
      if (errorName(result) === 'ENOENT') return false
      shim.call('understudy_map_delete', handle(), 'policies', u64(netnsCookie))
      return false // another had removed it in between
    },
    policyOf: (netnsCookie) => {
      const value = Buffer.alloc(POLICY.size)
      const found = shim.call('understudy_map_lookup', handle(), 'policies', u64(netnsCookie), value, value.length)
      return found === 1 ? decodePolicy(value) : undefined
    },
    policies: () =>
      list(shim, handle(), 'policies', POLICY_KEY_BYTES, POLICY.size).map((entry) => ({
        netnsCookie: entry.readBigUInt64LE(0),
        policy: decodePolicy(entry, POLICY_KEY_BYTES),
      })),
    excludeCidr: (policyId, address, prefix) =>
      update('excluded_cidrs', encodeCidr(policyId, address, prefix), Buffer.from([1])),
    includeCidrs: (policyId) => {
      const own = list(shim, handle(), 'excluded_cidrs', CIDR_KEY.size, CIDR_VALUE_BYTES)
        .map((entry) => entry.subarray(0, CIDR_KEY.size))
        .filter((key) => key.readUInt32LE(CIDR_KEY.fields.policy_id.offset) === policyId)
      for (const key of own) shim.raw('understudy_map_delete', handle(), 'excluded_cidrs', key)
      return own.length
    },
  }
}
