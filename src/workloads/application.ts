/** Where an application listens, told by the tables of its network namespace. */
import { isIP } from 'node:net'

export interface ApplicationPorts {
  /** A file of /proc/net as the application's namespace shows it; '' where it cannot be read. */
  readProcNet(name: 'tcp' | 'tcp6'): string
}

export interface Application {
  /** The address to dial for a connection that came in for `wanted`, an IP address of this machine, on `port`. */
  addressFor(wanted: string, port: number): string
  /** Look again: nobody listened there. */
  forget(port: number): void
}

const LISTEN = '0A'
const WILDCARDS = new Set(['0.0.0.0', '::'])
const MAPPED = /^0000000000000000FFFF0000/

const octets = (word: string): string =>
  (word.match(/../g) ?? [])
    .toReversed()
    .map((hex) => Number.parseInt(hex, 16))
    .join('.')

/** Of proc_net_tcp.rst: each 32-bit word of the address in this machine's (little-endian) byte order, in hex. */
const addressOf = (hex: string): string => {
  if (hex.length === 8) return octets(hex)
  if (MAPPED.test(hex)) return octets(hex.slice(24))
  const bytes = (hex.match(/.{8}/g) ?? []).map((word) => word.match(/../g)?.toReversed().join('') ?? '').join('')
  const groups = (bytes.match(/.{4}/g) ?? []).map((group) => group.toLowerCase().replace(/^0{1,3}/, ''))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/** The local addresses of all sockets that listen on `port`, of the text of /proc/net/tcp or tcp6. */
export const listeningAddresses = (text: string, port: number): string[] => {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return text.split('\n').flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    const [hex = '', at] = local.split(':')
    const isWhole = /^(?:[0-9A-F]{8}|[0-9A-F]{32})$/.test(hex)
    return state === LISTEN && at === wanted && isWhole ? [addressOf(hex)] : []
  })
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'

/**
 * As the client asked for, where somebody listens there or on all addresses (an IPv6 socket on :: takes both families
 * unless told otherwise); else where somebody does listen, the same family and loopback first. With nobody listening the
 * client's own choice, which is then refused as it would have been without us.
 */
export const chooseAddress = (wanted: string, listening: readonly string[]): string => {
  const all = isIP(wanted) === 6 ? ['::'] : ['0.0.0.0', '::']
  if (listening.includes(wanted) || all.some((address) => listening.includes(address))) return wanted
  const rank = (address: string): number => (isIP(address) === isIP(wanted) ? 0 : 2) + (isLoopback(address) ? 0 : 1)
  const [best] = listening.toSorted((a, b) => rank(a) - rank(b))
  if (best === undefined) return wanted
  // All addresses of the other family: its loopback is one of them.
  return WILDCARDS.has(best) ? '127.0.0.1' : best
}

export const createApplication = ({ readProcNet }: ApplicationPorts): Application => {
  /** By port; there are as many as the settings name. */
  const known = new Map<number, readonly string[]>()
  const listening = (port: number): readonly string[] => {
    const found = known.get(port)
    if (found) return found
    const addresses = [
      ...listeningAddresses(readProcNet('tcp'), port),
      ...listeningAddresses(readProcNet('tcp6'), port),
    ]
    if (addresses.length > 0) known.set(port, addresses)
    return addresses
  }
  return {
    addressFor: (wanted, port) => chooseAddress(wanted, listening(port)),
    forget: (port) => void known.delete(port),
  }
}
