/**
 * Does what is left alone make it slower to set up what is not? Our connect hook with 1, 100 and 5,000 excluded networks
 * and a look-up in the pinned map, against an iptables OUTPUT chain with as many RETURN rules before its REDIRECT and
 * SO_ORIGINAL_DST; both ends in one C thread.
 */
import { POLICY_HAS_EXCLUDED_CIDRS } from '../src/kernel/layout.ts'
import { NET } from '../test/support/lab.ts'
import { attach, LISTEN_PORT, plainListener, WORKLOAD } from './support/attached.ts'
import { startConnectLoop } from './support/connect-loop.ts'
import { OTHER_PREFIX, otherNetworks, setNatRules } from './support/netfilter.ts'
import { note, type Row, report } from './support/report.ts'
import { openSite, type Site } from './support/site.ts'
import { median, spreadOf } from './support/statistics.ts'

const ROUNDS = 80
const CONNECTIONS = 400
const COUNTS = [1, 100, 5000] as const
type Count = (typeof COUNTS)[number]

/** One chain of so many rules, in namespaces of its own. */
interface Chain {
  /** Nanoseconds for one round of connections. */
  run(): Promise<number>
  close(): void
}

const order = { listener: 0, address: NET.served4, port: 80, connections: CONNECTIONS, exchanges: 0 }

const timed = async (run: () => Promise<{ ns: number; resolved: number }>): Promise<number> => {
  const { ns, resolved } = await run()
  if (resolved !== CONNECTIONS) throw new Error(`${CONNECTIONS - resolved} destinations were not learned`)
  return ns
}

const ours = (site: Site, count: Count): Chain => {
  const attached = attach(site, NET.app4)
  for (const network of otherNetworks(count)) attached.kernel.excludeCidr(WORKLOAD, network, OTHER_PREFIX)
  attached.kernel.setPolicy(0n, { ...attached.policy, flags: POLICY_HAS_EXCLUDED_CIDRS })
  const loop = startConnectLoop(site.lab.appNetns, [attached.listener], attached.pin)
  return {
    run: async () => {
      const ns = await timed(() => loop.run({ ...order, cgroup: site.lab.cgroups.workload, resolve: true }))
      attached.kernel.drainEvents(() => {})
      return ns
    },
    close: () => {
      loop.close()
      attached.close()
    },
  }
}

const iptables = (site: Site, count: Count): Chain => {
  const { appNetns } = site.lab
  const before = otherNetworks(count).map((network) => `-d ${network}/${OTHER_PREFIX} -j RETURN`)
  setNatRules(appNetns, 'OUTPUT', [...before, `-p tcp -d 10.88.0.0/16 -j REDIRECT --to-ports ${LISTEN_PORT}`])
  const loop = startConnectLoop(appNetns, [plainListener(site, appNetns, '0.0.0.0', LISTEN_PORT)])
  return {
    run: () => timed(() => loop.run({ ...order, cgroup: site.outside, resolve: 'netfilter' })),
    close: loop.close,
  }
}

interface Pair {
  readonly count: Count
  readonly ours: Chain
  readonly iptables: Chain
  readonly times: { ours: number; iptables: number }[]
}

const rowsOf = (pairs: readonly Pair[]): Row[] => {
  const [first] = pairs
  if (!first) return []
  const against = ({ count, times }: Pair): Row => ({
    question: `set-up of an intercepted connection with ${count} rules before ours`,
    reference: 'iptables OUTPUT with as many, REDIRECT, SO_ORIGINAL_DST',
    measured: { kind: 'ratio', spread: spreadOf(times.map((time) => time.ours / time.iptables)) },
    target: { atMost: 1 },
  })
  const growth = ({ count, times }: Pair, side: 'ours' | 'iptables'): Row => ({
    question: `set-up with ${count} rules, ${side === 'ours' ? 'intercepted by us' : 'by iptables'}`,
    reference: 'the same with 1 rule',
    measured: {
      kind: 'ratio',
      spread: spreadOf(times.map((time, round) => time[side] / (first.times[round]?.[side] ?? Number.NaN))),
    },
    target: side === 'ours' ? { atMost: 1.05 } : {},
  })
  const rest = pairs.slice(1)
  return [
    ...pairs.map(against),
    ...rest.map((pair) => growth(pair, 'ours')),
    ...rest.map((pair) => growth(pair, 'iptables')),
  ]
}

const sites: Site[] = []
const chains: Chain[] = []
const open = (name: string, make: (site: Site) => Chain): Chain => {
  const site = openSite(name)
  sites.push(site)
  const chain = make(site)
  chains.push(chain)
  return chain
}
try {
  const pairs: Pair[] = COUNTS.map((count) => ({
    count,
    ours: open(`chain-ours-${count}`, (site) => ours(site, count)),
    iptables: open(`chain-ipt-${count}`, (site) => iptables(site, count)),
    times: [],
  }))
  for (let round = -2; round < ROUNDS; round++) {
    for (const pair of pairs) {
      const times = { ours: await pair.ours.run(), iptables: await pair.iptables.run() }
      if (round >= 0) pair.times.push(times)
    }
  }
  for (const { count, times } of pairs) {
    const each = (side: 'ours' | 'iptables'): number =>
      Math.round(median(times.map((time) => time[side])) / CONNECTIONS)
    note(`chain: ${count} rules: ${each('ours')} ns a connection with us, ${each('iptables')} ns with iptables`)
  }
  report(rowsOf(pairs))
} finally {
  for (const chain of chains) chain.close()
  for (const site of sites) site.close()
}
