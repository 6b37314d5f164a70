/** The iptables rules of one run, as text for iptables-restore and as shell commands that remove them. Pure. */
import { type Bypass, bypasses, type Range } from './bypass.ts'
import type { CgroupAddress, Ports, Scope } from './capture.ts'
import { ANY_MARK, type Slot } from './policy-routing.ts'

export interface IptablesOptions {
  readonly id: string
  readonly cgroup: CgroupAddress
  readonly scope: Scope
  readonly ports: Ports
}

export type Family = 4 | 6

/** Chains of one run: which packets, what is left alone, what comes back in. Names have at most 28 characters. */
export const chainsOf = (id: string) => ({
  out: `UNDERSTUDY-${id}`,
  decide: `UNDERSTUDY+${id}`,
  back: `UNDERSTUDY=${id}`,
})

const jump = (hook: string, chain: string, id: string): string =>
  `${hook} -p tcp -m comment --comment "understudy ${id}" -j ${chain}`

const portMatch = ({ from, to }: Range): string => `--dport ${from === to ? from : `${from}:${to}`}`

/** One RETURN per network and port range: iptables has no sets of its own. */
const returns = (family: Family, bypass: Bypass): string[] => {
  if (bypass.family !== 'both' && bypass.family !== family) return []
  const networks = bypass.networks?.map((network) => `-d ${network} `) ?? ['']
  const ports = bypass.ports?.map((range) => `${portMatch(range)} `) ?? ['']
  return networks.flatMap((network) => ports.map((port) => `${network}-p tcp ${port}-j RETURN`))
}

const portOf = (family: Family, { port4, port6 }: Ports): number => (family === 4 ? port4 : port6)

const leftAlone = (family: Family, { scope, ports }: IptablesOptions): string[] =>
  bypasses(scope, ports).flatMap((bypass) => returns(family, bypass))

/** Text with its backslashes and quotes as iptables-restore reads them. */
const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`

const appended = (chain: string, lines: readonly string[]): string[] => lines.map((line) => `-A ${chain} ${line}`)

const restore = (table: string, chains: readonly string[], lines: readonly string[]): string =>
  [`*${table}`, ...chains.map((chain) => `:${chain} - [0:0]`), ...lines, 'COMMIT', ''].join('\n')

/** NAT to the listener of one family. */
export const iptablesRedirect = (options: IptablesOptions, family: Family): string => {
  const { out, decide } = chainsOf(options.id)
  return restore(
    'nat',
    [out, decide],
    [
      ...appended(decide, leftAlone(family, options)),
      ...appended(decide, [`-p tcp -j REDIRECT --to-ports ${portOf(family, options.ports)}`]),
      ...appended(out, [`-m cgroup --path ${quoted(options.cgroup.path)} -j ${decide}`]),
      // First of all: what others translate is no longer what was dialled.
      `-I ${jump('OUTPUT', out, options.id).replace('OUTPUT', 'OUTPUT 1')}`,
    ],
  )
}

/** The same way as nftTproxy. */
export const iptablesTproxy = (options: IptablesOptions, family: Family, { mark }: Slot): string => {
  const { out, decide, back } = chainsOf(options.id)
  const own = '-m conntrack --ctdir ORIGINAL'
  const listener = `--on-ip ${family === 4 ? '127.0.0.1' : '::1'} --on-port ${portOf(family, options.ports)}`
  return restore(
    'mangle',
    [out, decide, back],
    [
      ...appended(decide, [
        `-m connmark --mark ${ANY_MARK.value}/${ANY_MARK.mask} -j RETURN`, // this one, or a run inside of it, has it
        ...leftAlone(family, options),
        `-p tcp -m conntrack --ctstate NEW -j CONNMARK --set-mark ${mark}`,
        `-p tcp -m conntrack --ctstate NEW -j MARK --set-mark ${mark}`,
      ]),
      ...appended(back, [`-i lo -p tcp -m mark --mark ${mark} -j TPROXY ${listener} --tproxy-mark ${mark}`]),
      ...appended(out, [
        `${own} -m cgroup --path ${quoted(options.cgroup.path)} -j ${decide}`,
        `${own} -m connmark --mark ${mark} -j MARK --set-mark ${mark}`,
      ]),
      `-I ${jump('PREROUTING', back, options.id).replace('PREROUTING', 'PREROUTING 1')}`,
      `-I ${jump('OUTPUT', out, options.id).replace('OUTPUT', 'OUTPUT 1')}`,
    ],
  )
}

export const toolOf = (family: Family): string => (family === 4 ? 'iptables' : 'ip6tables')

/** Waits so many seconds for whoever else changes rules at the moment. */
export const WAIT = '-w 5'

/** Shell commands that remove the chains of a run and the jumps to them, as far as they are there. */
export const removeChains = (id: string, isTproxy: boolean): string => {
  const { out, decide, back } = chainsOf(id)
  const table = isTproxy ? 'mangle' : 'nat'
  const hooks: [string, string][] = [['OUTPUT', out], ...(isTproxy ? [['PREROUTING', back] as [string, string]] : [])]
  const chains = [out, decide, ...(isTproxy ? [back] : [])]
  return ([4, 6] as const)
    .flatMap((family) => {
      const call = `${toolOf(family)} ${WAIT} -t ${table}`
      return [
        ...hooks.map(([hook, chain]) => `${call} -D ${jump(hook, chain, id)} 2>/dev/null`),
        ...chains.map((chain) => `${call} -F ${chain} 2>/dev/null`),
        ...chains.map((chain) => `${call} -X ${chain} 2>/dev/null && echo "${toolOf(family)} chain ${chain}"`),
      ]
    })
    .join('\n')
}

/** Shell commands that end with status 1 where something of the run is still there, or nobody can tell. */
export const mustBeRemoved = (id: string, isTproxy: boolean): string => {
  const names = Object.values(chainsOf(id))
    .map((chain) => `-e '${chain}'`)
    .join(' ')
  return ([4, 6] as const)
    .flatMap((family) => [
      `left=$(${toolOf(family)} ${WAIT} -t ${isTproxy ? 'mangle' : 'nat'} -S) || exit 1`,
      `if printf %s "$left" | grep -F ${names} >&2; then exit 1; fi`,
    ])
    .join('\n')
}

/** Packets of the first rule of a chain, in what `iptables -nvxL CHAIN` prints; undefined without one. */
export const firstCounted = (listing: string): number | undefined => {
  const [, , rule = ''] = listing.split('\n')
  const [, packets] = /^\s*(\d+)\s/.exec(rule) ?? []
  return packets === undefined ? undefined : Number(packets)
}
