/** The DNS server of one run: on loopback in the workload's namespace, where the kernel sends the workload's questions. */
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connectFrom } from '../act/dial.ts'
import type { Config } from '../config/schema.ts'
import { createDns, type Dns } from '../dns/dns.ts'
import { parseHosts } from '../dns/hosts-file.ts'
import type { LookUp } from '../dns/look-up.ts'
import { endpointsOf, parseResolvConf } from '../dns/resolv-conf.ts'
import { UnderstudyError } from '../errors.ts'
import type { Endpoint, Workload } from '../flow.ts'
import { acceptedFd } from '../intercept/accepted-fd.ts'
import type { Netns } from '../kernel/netns.ts'
import type { Kernel } from '../kernel/programs.ts'
import { errorName } from '../kernel/shim.ts'
import type { Metrics } from '../record/metrics.ts'
import type { RunCgroup } from '../workloads/cgroup.ts'

export interface DnsSite {
  readonly workload: Workload
  readonly netns: Netns
  readonly cgroup: RunCgroup
  readonly kernel: Kernel
}

/** Where the listeners are; 0 where the namespace has no such family. */
export interface DnsPorts {
  readonly dnsPort4: number
  readonly dnsPort6: number
}

export const NO_DNS: DnsPorts = { dnsPort4: 0, dnsPort6: 0 }

const RESOLV_CONF = '/etc/resolv.conf'
const BACKLOG = 512
/** UDP and TCP share a port. Below the ephemeral range of most machines, above what servers are known by. */
const PORTS = { from: 20_000, to: 32_768 }
const PORT_TRIES = 32
/** A namespace without IPv6 has no IPv6 resolvers either. */
const NO_FAMILY = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/** What a run remembers of DNS, before anybody asks it. `isExpected`: an expectation names this host. */
export const createRunDns = (
  config: Config,
  isExpected: (name: string, workload: Workload) => boolean,
  metrics: Metrics,
): Dns => {
  return createDns({
    isExpected,
    isExpectedFirst: ({ mode }) => (mode ? mode === 'mock' : config.onUnmatched === 'refuse'),
    reserved4: config.dnsReserved4,
    reserved6: config.dnsReserved6,
    upstreamTimeoutMs: config.dnsUpstreamTimeoutMs,
    maxInFlight: config.dnsMaxInFlight,
    cacheEntries: config.dnsCacheEntries,
    now: () => performance.now(),
    count: metrics.dnsQuery,
    limitHit: metrics.limitHit,
  })
}

/** The sockets of one family on one port, or why there are none. */
type Opened = { readonly tcp: number; readonly udp: number } | { readonly errno: string }

const openFamily = ({ netns, cgroup }: DnsSite, address: string, port: number): Opened => {
  const procs = `${cgroup.listener}/cgroup.procs`
  const tcp = netns.listen(procs, address, port, BACKLOG)
  if (tcp < 0) return { errno: errorName(tcp) }
  const udp = netns.listenUdp(procs, address, port)
  if (udp >= 0) return { tcp, udp }
  netns.closeFd(tcp)
  return { errno: errorName(udp) }
}

const open = (site: DnsSite, address: string): { readonly port: number; readonly opened: Opened } => {
  let port = 0
  let opened: Opened = { errno: 'EADDRINUSE' }
  for (let tries = 0; tries < PORT_TRIES && 'errno' in opened && opened.errno === 'EADDRINUSE'; tries++) {
    port = randomInt(PORTS.from, PORTS.to)
    opened = openFamily(site, address, port)
  }
  return { port, opened }
}

/** What resolv.conf names; an installation without the file asks the local machine, as resolv.conf(5) says. */
const resolvers = (): readonly Endpoint[] => {
  try {
    return endpointsOf(parseResolvConf(readFileSync(RESOLV_CONF, 'utf8')))
  } catch {
    return endpointsOf(parseResolvConf(''))
  }
}

const HOSTS = '/etc/hosts'

const hostsFile = (): ReadonlyMap<string, string> => {
  try {
    return parseHosts(readFileSync(HOSTS, 'utf8'))
  } catch {
    return new Map()
  }
}

export interface RunDns {
  readonly ports: DnsPorts
  readonly lookUp: LookUp
  close(): Promise<void>
}

/** Opens the listeners, tells the kernel that they are ours, and answers. */
export const serveRunDns = async (dns: Dns, site: DnsSite): Promise<RunDns> => {
  const { workload, netns, kernel } = site
  const families = [
    { isIpv6: false, ...open(site, '127.0.0.1') },
    { isIpv6: true, ...open(site, '::1') },
  ]
  const places = families.flatMap(({ isIpv6, port, opened }) => {
    if (!('errno' in opened)) return [{ isIpv6, port, ...opened }]
    if (isIpv6 && NO_FAMILY.has(opened.errno)) return []
    throw new UnderstudyError('KERNEL_CALL_FAILED', `cannot listen for DNS on loopback: ${opened.errno}`, {
      remedy: 'Set dnsEnabled to false; names that exist only as expectations then do not resolve.',
    })
  })
  for (const { tcp, udp } of places) for (const fd of [tcp, udp]) kernel.markListener(fd, workload.id)
  const hasIpv6 = places.some(({ isIpv6 }) => isIpv6)
  const served = await dns.serve({
    workload,
    hasIpv6,
    udp: places.map(({ udp, isIpv6 }) => ({ fd: udp, isIpv6 })),
    tcp: places.map(({ tcp, isIpv6 }) => ({ fd: tcp, isIpv6 })),
    upstreamFor: (peer, transport, socket) =>
      transport === 'udp'
        ? kernel.askedResolver(workload.id, peer.address, peer.port)
        : socket && kernel.identify(acceptedFd(socket)).saved?.destination,
    fallback: resolvers(),
    hosts: hostsFile(),
    makeUdpSocket: (isIpv6) => netns.makeUdpSocket(isIpv6, 0),
    dialTcp: (upstream) => connectFrom((isIpv6, source) => netns.makeSocket(isIpv6, source, 0), upstream),
  })
  const portOf = (wanted: boolean): number => places.find(({ isIpv6 }) => isIpv6 === wanted)?.port ?? 0
  const ports = { dnsPort4: portOf(false), dnsPort6: portOf(true) }
  return { ports, lookUp: served.lookUp, close: served.close }
}
