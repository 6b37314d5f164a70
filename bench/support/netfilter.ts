/** iptables as a service mesh sets it up, in a benchmark's own network namespace. */
import { execFileSync } from 'node:child_process'

const SYSCTLS = ['net.netfilter.nf_conntrack_tcp_timeout_time_wait=1', 'net.netfilter.nf_conntrack_tcp_timeout_close=1']

/** Networks that no benchmark's traffic is in, one each: what a mesh leaves alone. */
export const otherNetworks = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `172.${16 + (i >> 12)}.${(i >> 4) & 0xff}.${(i & 0xf) << 4}`)

/** Bits of those networks. */
export const OTHER_PREFIX = 28

/** Replaces the rules of the nat table's `chain`. */
export const setNatRules = (netns: string, chain: 'PREROUTING' | 'OUTPUT', rules: readonly string[]): void => {
  const text = ['*nat', ...rules.map((rule) => `-A ${chain} ${rule}`), 'COMMIT', ''].join('\n')
  execFileSync('nsenter', [`--net=${netns}`, 'iptables-restore'], { input: text })
  execFileSync('nsenter', [`--net=${netns}`, 'sysctl', '-qw', ...SYSCTLS])
}
