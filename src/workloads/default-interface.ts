/** The interface that a workload's traffic with the outside takes. */

/** RTF_GATEWAY and RTF_UP are not asked for: a default route without a gateway is one too. */
const ANY4 = '00000000'
const ANY6 = '0'.repeat(32)
/** RTF_REJECT: an unreachable default route is always there. */
const REJECT = 0x200

/** Of /proc/net/route: name, destination, gateway, flags …, mask, hex. */
export const defaultInterface4 = (text: string): string | undefined =>
  text
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
    .find((fields) => fields[1] === ANY4 && fields[7] === ANY4 && !isRejected(fields[3]))?.[0]

/** Of /proc/net/ipv6_route: destination, prefix, source, prefix, next hop, metric, uses, references, flags, name. */
export const defaultInterface6 = (text: string): string | undefined =>
  text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find((fields) => fields[0] === ANY6 && fields[1] === '00' && fields[9] !== 'lo' && !isRejected(fields[8]))?.[9]

const isRejected = (flags: string | undefined): boolean => (Number.parseInt(flags ?? '0', 16) & REJECT) !== 0

/** That of the IPv4 default route, else of the IPv6 one; undefined where there is neither. */
export const defaultInterface = (readProcNet: (name: 'route' | 'ipv6_route') => string): string | undefined =>
  defaultInterface4(readProcNet('route')) ?? defaultInterface6(readProcNet('ipv6_route'))
