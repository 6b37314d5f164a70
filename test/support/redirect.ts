/** Connections that NAT rules, not our programs, lead to a listener in the lab's app namespace. */
import { createServer, type Socket } from 'node:net'
import { acceptedFd } from '../../src/intercept/accepted-fd.ts'
import type { Asked } from '../../src/kernel/original-destination.ts'
import { plainAddress } from '../../src/resolve/plain-address.ts'
import { fixture, type Lab, NET, type Place, type Started } from './lab.ts'

/** Networks that the world sends to the app, which nobody there has. */
const BEHIND = { v4: '10.66.1.2', v6: '2001:db8:66::2' } as const
/** A listener of both families. */
export const LISTEN_ANY = 'any'

/** One way to redirect, and the connection that it concerns. */
export interface Redirect {
  readonly name: string
  readonly from: Place
  readonly to: readonly [address: string, port: number]
  /** The address of the listener in the app; `any` is [::] for both families. */
  readonly listener: string
  /** The command that redirects to the listener's port. */
  rule(port: number): readonly string[]
}

/** A command's line, split at spaces. */
const words = (line: string): string[] => line.split(' ')

export const nft = (family: 'ip' | 'ip6', hook: 'output' | 'prerouting', rule: string): string[] => [
  'nft',
  [
    `add table ${family} led`,
    `add chain ${family} led ${hook} { type nat hook ${hook} priority -100; }`,
    `add rule ${family} led ${hook} ${rule}`,
  ].join('; '),
]

const OUTPUT: readonly Redirect[] = [
  {
    name: 'iptables REDIRECT in OUTPUT',
    from: 'app',
    to: [NET.served4, 80],
    listener: '127.0.0.1',
    rule: (port) =>
      words(`iptables -t nat -A OUTPUT -p tcp -d ${NET.served4} --dport 80 -j REDIRECT --to-ports ${port}`),
  },
  {
    name: 'ip6tables REDIRECT in OUTPUT',
    from: 'app',
    to: [NET.served6, 80],
    listener: '::1',
    rule: (port) =>
      words(`ip6tables -t nat -A OUTPUT -p tcp -d ${NET.served6} --dport 80 -j REDIRECT --to-ports ${port}`),
  },
  {
    name: 'iptables DNAT in OUTPUT',
    from: 'app',
    to: [NET.served4, 81],
    listener: '127.0.0.1',
    rule: (port) => words(`iptables -t nat -A OUTPUT -p tcp --dport 81 -j DNAT --to-destination 127.0.0.1:${port}`),
  },
  {
    name: 'ip6tables DNAT in OUTPUT',
    from: 'app',
    to: [NET.served6, 81],
    listener: NET.app6,
    rule: (port) =>
      words(`ip6tables -t nat -A OUTPUT -p tcp --dport 81 -j DNAT --to-destination [${NET.app6}]:${port}`),
  },
  {
    name: 'nft redirect in OUTPUT',
    from: 'app',
    to: [NET.served4, 65_535],
    listener: '127.0.0.1',
    rule: (port) => nft('ip', 'output', `tcp dport 65535 redirect to :${port}`),
  },
  {
    name: 'nft redirect of IPv6 in OUTPUT',
    from: 'app',
    to: [NET.served6, 1],
    listener: '::1',
    rule: (port) => nft('ip6', 'output', `tcp dport 1 redirect to :${port}`),
  },
  {
    name: 'nft dnat in OUTPUT',
    from: 'app',
    to: [NET.silent4, 82],
    listener: NET.app4,
    rule: (port) => nft('ip', 'output', `tcp dport 82 dnat to ${NET.app4}:${port}`),
  },
  {
    name: 'nft dnat of IPv6 in OUTPUT',
    from: 'app',
    to: [NET.silent6, 82],
    listener: NET.app6,
    rule: (port) => nft('ip6', 'output', `tcp dport 82 dnat to [${NET.app6}]:${port}`),
  },
]

const PREROUTING: readonly Redirect[] = [
  {
    name: 'iptables REDIRECT in PREROUTING',
    from: 'world',
    to: [NET.app4, 8080],
    listener: '0.0.0.0',
    rule: (port) => words(`iptables -t nat -A PREROUTING -p tcp --dport 8080 -j REDIRECT --to-ports ${port}`),
  },
  {
    name: 'ip6tables REDIRECT in PREROUTING',
    from: 'world',
    to: [NET.app6, 8080],
    listener: NET.app6,
    rule: (port) => words(`ip6tables -t nat -A PREROUTING -p tcp --dport 8080 -j REDIRECT --to-ports ${port}`),
  },
  {
    name: 'iptables DNAT in PREROUTING',
    from: 'world',
    to: [BEHIND.v4, 80],
    listener: NET.app4,
    rule: (port) =>
      words(`iptables -t nat -A PREROUTING -p tcp -d ${BEHIND.v4} -j DNAT --to-destination ${NET.app4}:${port}`),
  },
  {
    name: 'ip6tables DNAT in PREROUTING',
    from: 'world',
    to: [BEHIND.v6, 80],
    listener: NET.app6,
    rule: (port) =>
      words(`ip6tables -t nat -A PREROUTING -p tcp -d ${BEHIND.v6} -j DNAT --to-destination [${NET.app6}]:${port}`),
  },
  {
    name: 'nft redirect in PREROUTING',
    from: 'world',
    to: [BEHIND.v4, 443],
    listener: NET.app4,
    rule: (port) => nft('ip', 'prerouting', `tcp dport 443 redirect to :${port}`),
  },
  {
    name: 'nft redirect of IPv6 in PREROUTING',
    from: 'world',
    to: [NET.app6, 443],
    listener: NET.app6,
    rule: (port) => nft('ip6', 'prerouting', `tcp dport 443 redirect to :${port}`),
  },
  {
    name: 'nft dnat in PREROUTING',
    from: 'world',
    to: [BEHIND.v4, 444],
    listener: NET.app4,
    rule: (port) => nft('ip', 'prerouting', `tcp dport 444 dnat to ${NET.app4}:${port}`),
  },
  {
    name: 'nft dnat of IPv6 in PREROUTING',
    from: 'world',
    to: [BEHIND.v6, 444],
    listener: NET.app6,
    rule: (port) => nft('ip6', 'prerouting', `tcp dport 444 dnat to [${NET.app6}]:${port}`),
  },
]

/** The source is changed as well, as by a masquerade. */
const BOTH_ENDS: Redirect = {
  name: 'nft dnat and snat',
  from: 'app',
  to: [NET.served4, 85],
  listener: NET.app4,
  rule: (port) => [
    'nft',
    [
      nft('ip', 'output', `tcp dport 85 dnat to ${NET.app4}:${port}`)[1],
      'add chain ip led postrouting { type nat hook postrouting priority 100; }',
      `add rule ip led postrouting tcp dport ${port} snat to 169.254.7.1`,
    ].join('; '),
  ],
}

const DUAL_STACK: readonly Redirect[] = [
  {
    name: 'nft redirect of IPv4 in OUTPUT to a listener of both families',
    from: 'app',
    to: [NET.served4, 83],
    listener: LISTEN_ANY,
    rule: (port) => nft('ip', 'output', `tcp dport 83 redirect to :${port}`),
  },
  {
    name: 'nft redirect of IPv6 in PREROUTING to a listener of both families',
    from: 'world',
    to: [BEHIND.v6, 83],
    listener: LISTEN_ANY,
    rule: (port) => nft('ip6', 'prerouting', `tcp dport 83 redirect to :${port}`),
  },
  {
    name: 'nft dnat of IPv4 in PREROUTING to a listener of both families',
    from: 'world',
    to: [BEHIND.v4, 84],
    listener: LISTEN_ANY,
    rule: (port) => nft('ip', 'prerouting', `tcp dport 84 dnat to ${NET.app4}:${port}`),
  },
]

export const REDIRECTS: readonly Redirect[] = [...OUTPUT, ...PREROUTING, BOTH_ENDS, ...DUAL_STACK]

/** Runs a command in a place of the lab; throws where it fails. */
export const must = async (lab: Lab, place: Place, argv: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await lab.run(place, argv)
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`)
  return stdout
}

/** Routes from the world to what is behind the app; idempotent. */
const routeBehind = async (lab: Lab): Promise<void> => {
  await must(lab, 'world', ['ip', 'route', 'replace', `${BEHIND.v4}/32`, 'via', NET.app4])
  await must(lab, 'world', ['ip', '-6', 'route', 'replace', `${BEHIND.v6}/128`, 'via', NET.app6])
}

/** Takes all rules and entries out of the app again. */
const forget = async (lab: Lab): Promise<void> => {
  for (const tables of ['iptables', 'ip6tables']) await must(lab, 'app', [tables, '-t', 'nat', '-F'])
  await must(lab, 'app', ['nft', 'flush', 'ruleset'])
  await lab.run('app', ['conntrack', '-F'])
}

export interface Listening {
  readonly port: number
  /** The next accepted connection. */
  next(): Promise<{ readonly socket: Socket; readonly asked: Asked }>
  close(): void
}

const askedOf = (socket: Socket): Asked => ({
  fd: acceptedFd(socket),
  client: { address: plainAddress(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 },
  local: { address: plainAddress(socket.localAddress ?? ''), port: socket.localPort ?? 0 },
})

/** A plain listener in the app's namespace, accepted by this process. */
export const listenInApp = async (lab: Lab, address: string): Promise<Listening> => {
  // The shim's own listeners are of one family; a socket that is not bound gets [::] and a port from listen().
  const fd =
    address === LISTEN_ANY
      ? lab.shim.call('understudy_socket', lab.appNetnsFd, 1, 0, '')
      : lab.shim.call('understudy_listen', '', lab.appNetnsFd, address, 0, 16, 0)
  const sockets: Socket[] = []
  const waiting: ((socket: Socket) => void)[] = []
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => {})
    sockets.push(socket)
    waiting.shift()?.(socket)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ fd }, resolve)
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('the listener has no port')
  return {
    port: bound.port,
    next: async () => {
      const socket = await new Promise<Socket>((resolve) => void waiting.push(resolve))
      return { socket, asked: askedOf(socket) }
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** Starts a client that stays connected until it is told a line, or killed. */
export const dialFrom = (lab: Lab, place: Place, to: readonly [string, number]): Started => {
  const spec = { to, family: to[0].includes(':') ? 6 : 4, wait: true }
  return lab.start(place, ['python3', '-S', '-E', fixture('client.py'), JSON.stringify(spec)])
}

export interface Redirected {
  readonly socket: Socket
  readonly asked: Asked
  readonly client: Started
  close(): Promise<void>
}

/** Sets a redirect up, or none, and dials through it. */
export const redirected = async (lab: Lab, redirect: Redirect, isOn = true): Promise<Redirected> => {
  await routeBehind(lab)
  const listening = await listenInApp(lab, redirect.listener)
  const close = async (): Promise<void> => {
    listening.close()
    await forget(lab)
  }
  try {
    if (isOn) await must(lab, 'app', redirect.rule(listening.port))
    const accepted = listening.next()
    const to = isOn ? redirect.to : ([redirect.listener, listening.port] as const)
    const client = dialFrom(lab, redirect.from, to)
    await client.said('connected')
    const closeAll = async (): Promise<void> => {
      client.kill()
      await client.finished
      await close()
    }
    return { ...(await accepted), client, close: closeAll }
  } catch (error) {
    await close()
    throw error
  }
}
