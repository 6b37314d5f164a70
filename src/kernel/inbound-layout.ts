/** The structs and counters of inbound.bpf.o (bpf/include/contract.h), as layout.ts does for the outbound object. */
import { parseAddress } from './address.ts'
import { MOCKSERVER_DST, ORIGINAL_DST, type StructLayout } from './layout.ts'

export const INBOUND_PORT = {
  size: 4,
  fields: { proxy_port: { offset: 0, size: 2 }, slot: { offset: 2, size: 2 } },
} as const
export const OWN_DIAL = {
  size: 20,
  fields: { addr: { offset: 0, size: 16 }, port: { offset: 16, size: 2 }, app_port: { offset: 18, size: 2 } },
} as const

/** By the names the structs have in C: all that inbound.bpf.o shares with this program. */
export const INBOUND_LAYOUTS: Readonly<Record<string, StructLayout>> = {
  original_dst: ORIGINAL_DST,
  mockserver_dst: MOCKSERVER_DST,
  inbound_port: INBOUND_PORT,
  own_dial: OWN_DIAL,
}

/** enum inbound_counter, in order. */
export const INBOUND_COUNTERS: readonly string[] = [
  'steered',
  'no_listener',
  'stranger',
  'agent_stale',
  'draining',
  'kept_by_app',
  'forwarded',
  'own_traffic',
  'outgoing',
  'ip_options',
  'fragment',
  'extension_header',
  'jumbo',
  'vlan',
  'truncated',
  'not_rewritten',
  'own_dial',
  'loopback',
  'not_assigned',
  'failed_closed',
  'accepted',
  'orig_dst_full',
  'storage_full',
  'mockserver_full',
  'answered',
]

export const MAX_INBOUND_PORTS = 64

/** A connection of the proxy's own to the application, as the application will see it. */
export interface OwnDial {
  /** The proxy's end, known after bind(). */
  readonly address: string
  readonly port: number
  readonly appPort: number
}

/** A port as the key or the value of a map: two bytes, host order. */
export const encodePort = (port: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(port)
  return bytes
}

export const encodeInboundPort = (proxyPort: number, slot: number): Buffer => {
  const bytes = Buffer.alloc(INBOUND_PORT.size)
  bytes.writeUInt16LE(proxyPort, INBOUND_PORT.fields.proxy_port.offset)
  bytes.writeUInt16LE(slot, INBOUND_PORT.fields.slot.offset)
  return bytes
}

/** Throws RangeError when the address is none. */
export const encodeOwnDial = (dial: OwnDial): Buffer => {
  const bytes = Buffer.alloc(OWN_DIAL.size)
  parseAddress(dial.address).copy(bytes, OWN_DIAL.fields.addr.offset)
  bytes.writeUInt16LE(dial.port, OWN_DIAL.fields.port.offset)
  bytes.writeUInt16LE(dial.appPort, OWN_DIAL.fields.app_port.offset)
  return bytes
}
