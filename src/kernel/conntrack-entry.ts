/**
 * What connection tracking remembers of a TCP connection: the tuple the client sent first, and the tuple of the answers
 * it expects, which NAT has changed. Pure.
 */
import { isIPv4 } from 'node:net'
import type { Endpoint } from '../flow.ts'
import type { Evidence } from '../resolve/strategy.ts'
import { formatAddress, parseAddress } from './address.ts'

/** One direction of a connection. Addresses as formatAddress writes them. */
export interface Tuple {
  readonly source: Endpoint
  readonly destination: Endpoint
}

export interface ConntrackEntry {
  readonly original: Tuple
  readonly reply: Tuple
}

/** The two ends of an accepted socket. */
export interface Ends {
  readonly client: Endpoint
  readonly local: Endpoint
}

const plain = ({ address, port }: Endpoint): Endpoint | undefined => {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) return undefined
  try {
    // Tuples have no scope: fe80::1%eth0 is tracked as fe80::1.
    return { address: formatAddress(parseAddress(address.replace(/%.*$/, '')), 0), port }
  } catch {
    return undefined
  }
}

/**
 * The tuple by which an accepted socket's entry is found: that of its answers, which NAT before us does not change any
 * more. A v4-mapped socket's connection is tracked as IPv4. Undefined where an end is not an IP address.
 */
export const replyTuple = ({ client, local }: Ends): Tuple | undefined => {
  const source = plain(local)
  const destination = plain(client)
  // A tuple has one family; sockets have, too.
  return source && destination && isIPv4(source.address) === isIPv4(destination.address)
    ? { source, destination }
    : undefined
}

export const sameEndpoint = (one: Endpoint, other: Endpoint): boolean =>
  one.address === other.address && one.port === other.port

export const sameTuple = (one: Tuple, other: Tuple): boolean =>
  sameEndpoint(one.source, other.source) && sameEndpoint(one.destination, other.destination)

/**
 * What a destination that NAT's memory gave is worth. Our own address means that nothing was redirected. The client's
 * means that the entry is of the other direction: when one is lost, the next packet makes a new one
 * (nf_conntrack_tcp_loose), and if that packet is an answer of ours, the client stands in it as the destination.
 */
export const judge = (destination: Endpoint, { source: local, destination: client }: Tuple): Evidence => {
  if (sameEndpoint(destination, local)) return { kind: 'none', why: 'not redirected' }
  if (sameEndpoint(destination, client)) return { kind: 'none', why: 'the entry is of the other direction' }
  return { kind: 'found', destination }
}
