/** Which connections are left alone, in the order of bpf/include/decide.h. Pure. */
import { isIPv4 } from 'node:net'
import type { Ports, Scope } from './capture.ts'

export interface Range {
  readonly from: number
  readonly to: number
}

/** One reason to leave a connection alone: all that is given must hold. `networks` are of that family. */
export interface Bypass {
  readonly family: 4 | 6 | 'both'
  readonly networks?: readonly string[]
  readonly ports?: readonly Range[]
}

const LOOPBACK: readonly Bypass[] = [
  { family: 4, networks: ['127.0.0.0/8'] },
  { family: 6, networks: ['::1/128'] },
]
/** RFC 3927. */
const LINK_LOCAL4: Bypass = { family: 4, networks: ['169.254.0.0/16'] }
/** RFC 4291. Its sockets are bound to a device, from which no packet gets to loopback: a redirected one would be lost. */
const LINK_LOCAL6: Bypass = { family: 6, networks: ['fe80::/10'] }
/** TCP goes nowhere from here, and the program is to hear that from the kernel itself. */
const NOT_UNICAST: readonly Bypass[] = [
  { family: 4, networks: ['224.0.0.0/4', '255.255.255.255/32'] },
  { family: 6, networks: ['ff00::/8'] },
  { family: 'both', ports: [{ from: 0, to: 0 }] },
]

/** The first bit of IPv4 that is not of the network is 0 in what the tools are given. */
const masked4 = (address: string, prefix: number): string => {
  const value = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
  const size = 2 ** (32 - prefix)
  const first = Math.floor(value / size) * size
  return [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.')
}

/** Eight groups of an IPv6 address (RFC 4291 2.2), the last two possibly written as IPv4. */
const groups6 = (address: string): number[] => {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const [, front = '', ...octets] = dotted ?? []
  const [a = 0, b = 0, c = 0, d = 0] = octets.map(Number)
  const text = dotted ? `${front}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}` : address
  const [left = '', right] = text.split('::')
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  if (right === undefined) return parse(left)
  const [first, last] = [parse(left), parse(right)]
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last]
}

const masked6 = (address: string, prefix: number): string =>
  groups6(address)
    .map((group, i) => {
      const bits = Math.min(16, Math.max(0, prefix - i * 16))
      return (group & (0xffff << (16 - bits)) & 0xffff).toString(16)
    })
    .join(':')

/** A network as every tool takes it: with the bits behind its prefix cleared. */
export const networkText = ({ address, prefix }: { readonly address: string; readonly prefix: number }): string =>
  `${isIPv4(address) ? masked4(address, prefix) : masked6(address, prefix)}/${prefix}`

const excluded = (scope: Scope): Bypass[] => {
  const networks = { 4: [] as string[], 6: [] as string[] }
  for (const cidr of scope.excludeCidrs) networks[isIPv4(cidr.address) ? 4 : 6].push(networkText(cidr))
  const found: Bypass[] = ([4, 6] as const).map((family) => ({ family, networks: networks[family] }))
  return [
    ...(scope.excludePorts.length > 0 ? [{ family: 'both', ports: scope.excludePorts } as const] : []),
    ...found.filter((bypass) => bypass.networks?.length),
  ]
}

/** Our own listeners, where loopback is intercepted: a connection there is meant for us. */
const ownListeners = ({ port4, port6 }: Ports): Bypass[] => {
  const ports = [...new Set([port4, port6])].filter((port) => port > 0).map((port) => ({ from: port, to: port }))
  return ports.length === 0 ? [] : LOOPBACK.map((loopback) => ({ ...loopback, ports }))
}

export const bypasses = (scope: Scope, ports: Ports): Bypass[] => [
  ...(scope.interceptLoopback ? ownListeners(ports) : LOOPBACK),
  ...(scope.interceptLinkLocal ? [] : [LINK_LOCAL4]),
  LINK_LOCAL6,
  ...excluded(scope),
  ...NOT_UNICAST,
]
