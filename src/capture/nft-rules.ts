/** The nftables rules of one run, as text for `nft`. Pure. */
import { relative } from 'node:path/posix'
import { type Bypass, bypasses, type Range } from './bypass.ts'
import type { CgroupAddress, Ports, Scope } from './capture.ts'
import { ANY_MARK, type Slot } from './policy-routing.ts'

export interface NftOptions {
  readonly id: string
  readonly cgroup: CgroupAddress
  readonly scope: Scope
  readonly ports: Ports
}

/** Below this folder nft looks for the cgroup that a rule names, wherever cgroup2 is mounted. */
const NFT_CGROUP_ROOT = '/sys/fs/cgroup'
/** Where NAT and mangling of locally made packets have their place (nft(8)). */
const DSTNAT = -100
const MANGLE = -150
/** NAT may not come before connection tracking (-200), nor mangling. */
const DEEPEST = 40

export const tableName = (id: string): string => `understudy-${id}`

const range = ({ from, to }: Range): string => (from === to ? `${from}` : `${from}-${to}`)

/** `ip daddr { 10.0.0.0/8 } tcp dport { 1-5, 7 }`. */
const condition = ({ family, networks, ports }: Bypass): string =>
  [
    ...(networks && family !== 'both' ? [`${family === 4 ? 'ip' : 'ip6'} daddr { ${networks.join(', ')} }`] : []),
    ...(ports ? [`tcp dport { ${ports.map(range).join(', ')} }`] : []),
  ].join(' ')

/** Deeper cgroups first: in a run inside a run, the inner one has its say before the outer one. */
const priority = (base: number, { level }: CgroupAddress): number => base - Math.min(level, DEEPEST)

const ofCgroup = ({ folder, level }: CgroupAddress): string =>
  `meta l4proto tcp socket cgroupv2 level ${level} "${relative(NFT_CGROUP_ROOT, folder)}"`

const rules = (table: string, chain: string, lines: readonly string[]): string[] =>
  lines.map((line) => `add rule inet ${table} ${chain} ${line}`)

/** What both kinds begin with; the kernel drops a table with an owner when the owner's socket closes (Linux 5.12). */
const begin = (table: string): string[] => [
  `add table inet ${table} { flags owner; }`,
  `add chain inet ${table} decide`,
]

const leftAlone = ({ scope, ports }: NftOptions): string[] =>
  bypasses(scope, ports).map((bypass) => `${condition(bypass)} return`)

const byFamily = ({ port4, port6 }: Ports, rule: (family: 4 | 6, port: number) => string): string[] => [
  ...(port4 > 0 ? [rule(4, port4)] : []),
  ...(port6 > 0 ? [rule(6, port6)] : []),
]

/** NAT to the listeners: commands in an order in which the last one makes the others matter. */
export const nftRedirect = (options: NftOptions): string[] => {
  const table = tableName(options.id)
  const redirect = byFamily(
    options.ports,
    (family, port) => `meta nfproto ipv${family} meta l4proto tcp redirect to :${port}`,
  )
  return [
    ...begin(table),
    ...rules(table, 'decide', [...leftAlone(options), ...redirect]),
    `add chain inet ${table} out { type nat hook output priority ${priority(DSTNAT, options.cgroup)}; policy accept; }`,
    ...rules(table, 'out', [`${ofCgroup(options.cgroup)} counter jump decide`]),
  ]
}

/**
 * TPROXY: the command's packets get a mark, the mark leads them to lo, and there they are given to the listeners as they
 * are. The connection's mark also finds what has no socket any more, the last packets of a closed connection.
 */
export const nftTproxy = (options: NftOptions, { mark }: Slot): string[] => {
  const table = tableName(options.id)
  const hook = (name: string, type: string) =>
    `add chain inet ${table} ${name} { type ${type} priority ${priority(MANGLE, options.cgroup)}; policy accept; }`
  const families = byFamily(
    options.ports,
    (family) => `meta nfproto ipv${family} ct state new ct mark set ${mark} meta mark set ${mark}`,
  )
  const give = byFamily(options.ports, (family, port) => {
    const to = family === 4 ? `ip to 127.0.0.1:${port}` : `ip6 to [::1]:${port}`
    return `iifname "lo" meta nfproto ipv${family} meta l4proto tcp meta mark ${mark} tproxy ${to}`
  })
  return [
    ...begin(table),
    ...rules(table, 'decide', [...leftAlone(options), ...families]),
    hook('pre', 'filter hook prerouting'),
    ...rules(table, 'pre', give),
    hook('out', 'route hook output'),
    ...rules(table, 'out', [
      `meta l4proto tcp ct direction original ct mark ${mark} meta mark set ${mark} return`,
      `ct mark and ${ANY_MARK.mask} == ${ANY_MARK.value} return`, // a run inside of this one has it
      `ct direction original ${ofCgroup(options.cgroup)} counter jump decide`,
    ]),
  ]
}

/** Packets counted by the rule that looks for the cgroup, in what `nft list table` prints; undefined without one. */
export const countedBy = (listing: string): number | undefined => {
  const [, packets] = /socket cgroupv2 .* counter packets (\d+)/.exec(listing) ?? []
  return packets === undefined ? undefined : Number(packets)
}
