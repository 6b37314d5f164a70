/** Where an upstream connection goes and as whom it is made. */
import type { Endpoint, Flow } from '../flow.ts'
import { writeHeader } from '../proxy-protocol/write.ts'
import type { DialOptions } from './dial.ts'
import type { ForwardedStyle } from './forwarded.ts'
import type { ForwardTarget } from './upstream-request.ts'

/** What of an upstream connection depends on its flow. */
export type Route = DialOptions & Pick<ForwardTarget, 'destination' | 'source' | 'forwarded' | 'marker'>

/** @param isChosen an expectation chose the destination, not the client */
export type FindRoute = (flow: Flow, destination: Endpoint, isChosen: boolean) => Route

/** Outbound: as the application would have connected itself. */
export const outboundRoute: FindRoute = (flow, destination) => ({
  destination,
  source: flow.saved?.sourceBound ? flow.client.address : '',
})

export interface InboundRouteOptions {
  /** What is special about a port of the application. */
  readonly ports: readonly {
    readonly port: number
    readonly to?: string | undefined
    readonly proxyProtocol: 'none' | 'v1' | 'v2'
  }[]
  /** Where the application listens on `port`, for a client that asked for `wanted`. */
  readonly addressFor: (wanted: string, port: number) => string
  /** Whether the application is to see the client's address, and can at present. */
  readonly keepsSource: () => boolean
  readonly forwarded: ForwardedStyle
  readonly marker: string
  readonly markerHeader: string
}

const VERSIONS = { v1: 1, v2: 2 } as const

/** Inbound: to the application, unless an expectation sends the request elsewhere. */
export const createInboundRoute = (options: InboundRouteOptions): FindRoute => {
  const { markerHeader: name, marker: value, forwarded: style } = options
  const ports = new Map(options.ports.map((each) => [each.port, each]))
  const marker = value === '' ? {} : { marker: { name, value } }

  return (flow, destination, isChosen) => {
    const client = flow.proxied?.source ?? flow.client
    const forwarded = style === 'none' ? {} : { forwarded: { style, client: client.address } }
    if (isChosen) return { destination, source: '', ...forwarded, ...marker }
    const appPort = flow.standsFor ?? destination.port
    const port = ports.get(appPort)
    const address = port?.to ?? options.addressFor(flow.local.address, appPort)
    const wanted = { address: flow.local.address, port: appPort }
    const keeps = options.keepsSource()
    return {
      destination: { address, port: appPort },
      source: keeps ? client.address : '',
      appPort,
      ...(keeps ? {} : forwarded),
      ...marker,
      ...(port && port.proxyProtocol !== 'none'
        ? { proxyHeader: writeHeader(VERSIONS[port.proxyProtocol], client, wanted) }
        : {}),
    }
  }
}
