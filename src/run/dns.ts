/** The DNS server of one run: on loopback in the workload's namespace, where the kernel sends the workload's questions. */
import { randomInt } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
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
import { type ListenerCgroup, procsOf } from '../workloads/cgroup.ts'

export interface DnsSite {
  readonly workload: Workload
  readonly netns: Netns
  readonly cgroup: ListenerCgroup
  readonly kernel: Kernel
  /** SO_MARK of our own questions; 0 unless told. */
  readonly mark?: number
  /** The workload's /etc, where its resolv.conf and hosts are; our own unless told. */
  readonly etc?: string
}

/** Where the listeners are; 0 where the namespace has no such family. */
export interface DnsPorts {
  readonly dnsPort4: number
  readonly dnsPort6: number
}

export const NO_DNS: DnsPorts = { dnsPort4: 0, dnsPort6: 0 }

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
  const procs = procsOf(cgroup)
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

const ETC = '/etc'
/** Far more than any that is meant: what a workload puts there is its own doing. */
const MAX_FILE_BYTES = 64 * 1024

/** A plain file's text; undefined where there is none, or what is there is no such file. */
const readPlain = (path: string): string | undefined => {
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const { size } = fstatSync(fd)
    return size > MAX_FILE_BYTES || !fstatSync(fd).isFile() ? undefined : readFileSync(fd, 'utf8')
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Our own may well be links; a workload's are not followed out of its own file system. */
const readEtc = (etc: string, name: string): string => {
  try {
    return (etc === ETC ? readFileSync(`${etc}/${name}`, 'utf8') : readPlain(`${etc}/${name}`)) ?? ''
  } catch {
    return ''
  }
}

/** What resolv.conf names; an installation without the file asks the local machine, as resolv.conf(5) says. */
const resolvers = (etc: string): readonly Endpoint[] => endpointsOf(parseResolvConf(readEtc(etc, 'resolv.conf')))

const hostsFile = (etc: string): ReadonlyMap<string, string> => parseHosts(readEtc(etc, 'hosts'))

export interface RunDns {
  readonly ports: DnsPorts
  readonly lookUp: LookUp
  close(): Promise<void>
}

/** Opens the listeners, tells the kernel that they are ours, and answers. */
export const serveRunDns = async (dns: Dns, site: DnsSite): Promise<RunDns> => {
  const { workload, netns, kernel, mark = 0, etc = ETC } = site
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
    fallback: resolvers(etc),
    hosts: hostsFile(etc),
    makeUdpSocket: (isIpv6) => netns.makeUdpSocket(isIpv6, mark),
    dialTcp: (upstream) => connectFrom((isIpv6, source) => netns.makeSocket(isIpv6, source, mark), upstream),
  })
  const portOf = (wanted: boolean): number => places.find(({ isIpv6 }) => isIpv6 === wanted)?.port ?? 0
  const ports = { dnsPort4: portOf(false), dnsPort6: portOf(true) }
  return { ports, lookUp: served.lookUp, close: served.close }
}
