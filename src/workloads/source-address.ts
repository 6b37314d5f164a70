/**
 * The address that a workload's connections would leave from, so that the application sees its own name in
 * getsockname() although its connection ends on loopback.
 */
import { isIP } from 'node:net'

export interface SourcePorts {
  /** The kernel's choice of source towards an address; '' where there is no route. */
  sourceTowards(address: string): string
  /** A file of /proc/net as the workload's namespace shows it; '' where it cannot be read. */
  readProcNet(name: 'route' | 'ipv6_route'): string
}

/** Documentation addresses (RFC 5737, RFC 3849): nothing but the default route leads there, and nothing is sent. */
const ANYWHERE = { 4: '192.0.2.1', 6: '2001:db8::1' } as const

/** Network addresses of /proc/net/route (little-endian hex; Documentation/networking/proc_net_tcp.rst's cousin). */
export const routes4 = (text: string): string[] =>
  text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [device, destination] = line.split(/\s+/)
      if (!destination || device === 'lo' || destination === '00000000') return []
      const octets = destination.match(/../g) ?? []
      return [
        octets
          .toReversed()
          .map((octet) => Number.parseInt(octet, 16))
          .join('.'),
      ]
    })

/** Network addresses of /proc/net/ipv6_route, without loopback, link-local and multicast. */
export const routes6 = (text: string): string[] =>
  text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/)
    const [destination = '', prefix] = fields
    if (fields.at(-1) === 'lo' || prefix === '00' || destination.length !== 32) return []
    if (destination.startsWith('fe8') || destination.startsWith('ff')) return []
    return [destination.replace(/(.{4})(?=.)/g, '$1:')]
  })

const usable = (address: string, family: 4 | 6): boolean =>
  isIP(address) === family && !address.startsWith('127.') && address !== '::1' && !address.startsWith('fe80')

/** The source on the default route, else the one on the first attached network; '' where there is neither. */
export const sourceAddress = (family: 4 | 6, ports: SourcePorts): string => {
  const attached = family === 4 ? routes4(ports.readProcNet('route')) : routes6(ports.readProcNet('ipv6_route'))
  for (const towards of [ANYWHERE[family], ...attached]) {
    const source = ports.sourceTowards(towards)
    if (usable(source, family)) return source
  }
  return ''
}
