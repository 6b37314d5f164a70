/**
 * What does it cost that a connection to a workload's port arrives at a proxy's? The same listener behind nothing, behind
 * our tc programs, behind sk_lookup and behind iptables REDIRECT; client and listener in two namespaces joined by a veth
 * pair, both ends in one C thread.
 */
import { loadInbound } from '../src/kernel/inbound.ts'
import type { InboundMode } from '../src/kernel/inbound-ports.ts'
import { INBOUND_OBJECT_PATH, NET } from '../test/support/lab.ts'
import { plainListener } from './support/attached.ts'
import { type ConnectLoop, startConnectLoop } from './support/connect-loop.ts'
import { setNatRules } from './support/netfilter.ts'
import { note, type Row, report } from './support/report.ts'
import { openSite, type Site } from './support/site.ts'
import { spreadOf } from './support/statistics.ts'

const ROUNDS = 40
const CONNECTIONS = 500
const STREAMS = 4
const BLOCKS = 250
const APP_PORT = 8080
const PROXY_PORT = 15100
const BACKLOG = 4096

/** One way to the proxy, in namespaces of its own: connection tracking alone would slow down its neighbours. */
interface Way {
  readonly site: Site
  readonly loop: ConnectLoop
  readonly port: number
  close(): void
}

const redirected = (site: Site, mode: InboundMode): { fd: number; close: () => void } => {
  const { shim, cgroups, appNetnsFd } = site.lab
  const kernel = loadInbound(shim, {
    objectPath: INBOUND_OBJECT_PATH,
    mode,
    netnsFd: appNetnsFd,
    listenerCgroup: cgroups.listener,
    mark: 0,
    heartbeatIntervalMs: 1000,
    heartbeatStaleMs: 60_000,
    flowCapacity: 65_536,
    thirdParty: false,
    ...(mode === 'tc' ? { interface: NET.device } : {}),
  })
  const procs = `${cgroups.listener}/cgroup.procs`
  const fd = shim.call('understudy_listen', procs, appNetnsFd, '0.0.0.0', PROXY_PORT, BACKLOG, 0)
  kernel.setPorts([{ appPort: APP_PORT, proxyPort: PROXY_PORT }])
  if (mode === 'tc') kernel.markListener(fd)
  else kernel.assign(APP_PORT, fd)
  kernel.startHeartbeat()
  kernel.attach()
  return { fd, close: kernel.close }
}

const openWay = (name: 'direct' | 'iptables' | InboundMode): Way => {
  const site = openSite(`inbound-${name}`)
  const { appNetns, worldNetns } = site.lab
  let close = (): void => {}
  let fd: number
  if (name === 'tc' || name === 'sk_lookup') {
    const made = redirected(site, name)
    fd = made.fd
    close = made.close
  } else {
    fd = plainListener(site, appNetns, '0.0.0.0', name === 'direct' ? APP_PORT : PROXY_PORT)
    const rule = `-i ${NET.device} -p tcp --dport ${APP_PORT} -j REDIRECT --to-ports ${PROXY_PORT}`
    if (name === 'iptables') setNatRules(appNetns, 'PREROUTING', [rule])
  }
  const loop = startConnectLoop(worldNetns, [fd])
  return {
    site,
    loop,
    port: APP_PORT,
    close: () => {
      loop.close()
      close()
      site.close()
    },
  }
}

const NAMES = ['direct', 'iptables', 'tc', 'sk_lookup'] as const
type Name = (typeof NAMES)[number]
const SUBJECTS = ['tc', 'sk_lookup'] as const
const REFERENCES = [
  ['direct', 'the same connection, not redirected'],
  ['iptables', 'iptables PREROUTING REDIRECT'],
] as const

/** All ways in turn, round after round: nanoseconds of each. */
const measure = async (
  ways: Readonly<Record<Name, Way>>,
  what: { connections: number; blocks: number },
): Promise<Record<Name, number>[]> => {
  const rounds: Record<Name, number>[] = []
  for (let round = -3; round < ROUNDS; round++) {
    const times = { direct: 0, iptables: 0, tc: 0, sk_lookup: 0 }
    for (const name of NAMES) {
      const { site, loop, port } = ways[name]
      const order = { cgroup: site.outside, listener: 0, address: NET.app4, port, exchanges: 0, resolve: false }
      times[name] = (await loop.run({ ...order, ...what })).ns
    }
    if (round >= 0) rounds.push(times)
  }
  return rounds
}

const rowsOf = (
  question: string,
  rounds: readonly Record<Name, number>[],
  atMost: Partial<Record<Name, number>>,
): Row[] =>
  SUBJECTS.flatMap((subject) =>
    REFERENCES.map(([name, reference]) => ({
      question: `${question}, ${subject}`,
      reference,
      measured: { kind: 'ratio', spread: spreadOf(rounds.map((times) => times[subject] / times[name])) },
      target: name === 'iptables' ? { atMost: atMost[subject] ?? 1 } : {},
    })),
  )

const opened: Way[] = []
try {
  const open = (name: Name): Way => {
    const way = openWay(name)
    opened.push(way)
    return way
  }
  const ways = { direct: open('direct'), iptables: open('iptables'), tc: open('tc'), sk_lookup: open('sk_lookup') }
  const connected = await measure(ways, { connections: CONNECTIONS, blocks: 0 })
  note(`inbound: ${Math.round((connected[0]?.direct ?? 0) / CONNECTIONS)} ns a connection that is not redirected`)
  const streamed = await measure(ways, { connections: STREAMS, blocks: BLOCKS })
  const gbits = (STREAMS * BLOCKS * 65_536 * 8) / (streamed[0]?.direct ?? 1)
  note(`inbound: ${gbits.toFixed(1)} Gbit/s where it is not redirected`)
  report([
    ...rowsOf('set-up of an inbound connection: connect, accept, close', connected, {}),
    ...rowsOf('time for 64 KiB blocks on an inbound connection', streamed, {}),
  ])
} finally {
  for (const way of opened) way.close()
}
