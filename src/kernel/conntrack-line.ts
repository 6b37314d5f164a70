/**
 * One line of /proc/net/nf_conntrack (ct_seq_show in net/netfilter/nf_conntrack_standalone.c):
 * `ipv4     2 tcp      6 431999 ESTABLISHED src=… dst=… sport=… dport=… [UNREPLIED] src=… dst=… sport=… dport=… …`.
 * Pure.
 */
import { isIP } from 'node:net'
import type { Endpoint } from '../flow.ts'
import { formatAddress, parseAddress } from './address.ts'
import type { ConntrackEntry, Tuple } from './conntrack-entry.ts'

const IPPROTO_TCP = '6'
const TUPLE_KEYS = ['src', 'dst', 'sport', 'dport'] as const

/** An address as the file writes it: `%pI4`, or `%pI6` with all 32 digits. */
const spelled = (address: string): string => {
  if (isIP(address) === 4) return address
  return (parseAddress(address).toString('hex').match(/.{4}/g) ?? []).join(':')
}

/** The text by which the file names a direction. A line that does not hold it need not be read. */
export const spellTuple = ({ source, destination }: Tuple): string =>
  `src=${spelled(source.address)} dst=${spelled(destination.address)} sport=${source.port} dport=${destination.port} `

const endpointOf = (address: string, port: string): Endpoint | undefined => {
  if (isIP(address) === 0 || address.includes('%') || !/^\d{1,5}$/.test(port) || Number(port) > 65_535) return undefined
  return { address: formatAddress(parseAddress(address), 0), port: Number(port) }
}

const tupleOf = (words: readonly string[]): Tuple | undefined => {
  const [src, dst, sport, dport] = TUPLE_KEYS.map((key, i) => {
    const word = words[i] ?? ''
    return word.startsWith(`${key}=`) ? word.slice(key.length + 1) : ''
  })
  const source = endpointOf(src ?? '', sport ?? '')
  const destination = endpointOf(dst ?? '', dport ?? '')
  return source && destination ? { source, destination } : undefined
}

/** The entry of one line; undefined for another protocol, for a reply in a zone other than 0, and for no line at all. */
export const parseConntrackLine = (line: string): ConntrackEntry | undefined => {
  const words = line.trim().split(/ +/)
  if (words[2] !== 'tcp' || words[3] !== IPPROTO_TCP) return undefined
  // As over netlink: zone-orig concerns the other direction, zone and zone-reply the one that is asked for.
  if (words.some((word) => /^zone(-reply)?=/.test(word) && !word.endsWith('=0'))) return undefined
  const first = words.findIndex((word) => word.startsWith('src='))
  const second = words.findIndex((word, i) => i > first && word.startsWith('src='))
  if (first < 0 || second < 0) return undefined
  const original = tupleOf(words.slice(first))
  const reply = tupleOf(words.slice(second))
  return original && reply ? { original, reply } : undefined
}
