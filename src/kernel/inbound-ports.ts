/** Which ports of the application are proxied, in the maps of inbound.bpf.o. */
import { encodeInboundPort, encodePort, MAX_INBOUND_PORTS } from './inbound-layout.ts'
import { u32 } from './integers.ts'
import type { Shim } from './shim.ts'

/** How connections are handed over: `tc` changes port numbers on an interface, `sk_lookup` chooses the socket. */
export type InboundMode = 'tc' | 'sk_lookup'

/** `proxyPort` is where the proxy listens for `appPort`; tc needs one of its own per application port. */
export interface InboundPort {
  readonly appPort: number
  /** Not used by sk_lookup, where the proxy may listen on any port; give 0. */
  readonly proxyPort: number
}

/** Why these ports cannot be, or undefined. */
export const portsFault = (ports: readonly InboundPort[], mode: InboundMode): string | undefined => {
  if (ports.length > MAX_INBOUND_PORTS) return `at most ${MAX_INBOUND_PORTS} ports can be intercepted`
  const apps = new Set(ports.map(({ appPort }) => appPort))
  if (apps.size < ports.length) return 'a port is named twice'
  const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535
  if (![...apps].every(isPort)) return 'a port is a number from 1 to 65535'
  if (mode === 'sk_lookup') return undefined
  const proxies = new Set(ports.map(({ proxyPort }) => proxyPort))
  if (![...proxies].every(isPort)) return 'a proxy port is a number from 1 to 65535'
  if (proxies.size < ports.length) return 'two ports of the application need two of the proxy'
  return [...proxies].some((port) => apps.has(port)) ? "a proxy port is one of the application's" : undefined
}

interface Known {
  readonly proxyPort: number
  /** Pair of slots of inbound_sockets. */
  readonly slot: number
}

export interface PortTable {
  /** Replaces all ports; those that stay are not touched. Throws RangeError. */
  set(ports: readonly InboundPort[]): void
  slotOf(appPort: number): number | undefined
}

export const portTable = (shim: Shim, handle: () => number, mode: InboundMode): PortTable => {
  const isTc = mode === 'tc'
  const known = new Map<number, Known>()

  const forget = (appPort: number, { proxyPort, slot }: Known): void => {
    known.delete(appPort)
    shim.raw('understudy_map_delete', handle(), 'inbound_ports', encodePort(appPort))
    if (isTc) shim.raw('understudy_map_delete', handle(), 'proxy_ports', encodePort(proxyPort))
    else
      for (const index of [slot * 2, slot * 2 + 1])
        shim.raw('understudy_map_delete', handle(), 'inbound_sockets', u32(index))
  }
  const add = (appPort: number, proxyPort: number): void => {
    const taken = new Set([...known.values()].map(({ slot }) => slot))
    let slot = 0
    while (taken.has(slot)) slot++
    // The way back first: an answer must never leave with the proxy's port.
    if (isTc) shim.call('understudy_map_update', handle(), 'proxy_ports', encodePort(proxyPort), encodePort(appPort))
    shim.call(
      'understudy_map_update',
      handle(),
      'inbound_ports',
      encodePort(appPort),
      encodeInboundPort(proxyPort, slot),
    )
    known.set(appPort, { proxyPort, slot })
  }
  return {
    set: (ports) => {
      const fault = portsFault(ports, mode)
      if (fault) throw new RangeError(fault)
      const wanted = new Map(ports.map(({ appPort, proxyPort }) => [appPort, isTc ? proxyPort : 0]))
      for (const [appPort, port] of [...known]) if (wanted.get(appPort) !== port.proxyPort) forget(appPort, port)
      for (const [appPort, proxyPort] of wanted) if (!known.has(appPort)) add(appPort, proxyPort)
    },
    slotOf: (appPort) => known.get(appPort)?.slot,
  }
}
