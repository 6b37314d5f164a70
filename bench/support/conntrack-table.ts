/** Entries of connection tracking made by netlink, as many as a benchmark wants, in a namespace of its own. */
import { readFileSync, writeFileSync } from 'node:fs'
import { encodeFamily, encodeTuple, NETLINK_NETFILTER } from '../../src/kernel/conntrack-message.ts'
import { decodeMessage, encodeAttribute, encodeMessage, errorOf } from '../../src/kernel/netlink.ts'
import type { Asked } from '../../src/kernel/original-destination.ts'
import type { Lab } from '../../test/support/lab.ts'

/** Where the connection of every entry was going. */
export const DIALLED = { address: '10.200.0.2', port: 80 } as const
const LOCAL = { address: '127.0.0.1', port: 15_001 } as const
const CLIENT_PORT = 40_000

/** The connection of entry number `index`, at most 2^24. */
export const connectionOf = (index: number): Asked => ({
  fd: -1,
  client: { address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, port: CLIENT_PORT },
  local: LOCAL,
})

/** include/uapi/linux/netlink.h and nfnetlink_conntrack.h. */
const REQUEST_AND_ACK = 0x5
const CREATE_EXCLUSIVELY = 0x600
const CT_NEW = 0x100
const CT_DELETE = 0x102
const CTA_TUPLE_ORIG = 1
const CTA_TUPLE_REPLY = 2
const CTA_TIMEOUT = 7
const LIFETIME_S = 3600

const lifetime = Buffer.alloc(4)
lifetime.writeUInt32BE(LIFETIME_S)

export interface Table {
  /** Adds entries until there are `count`. */
  growTo(count: number): void
  clear(): void
  close(): void
}

/** The table of the lab's app, which is empty. */
export const openTable = ({ shim, appNetnsFd }: Lab): Table => {
  const socket = shim.call('understudy_netlink_open', appNetnsFd, NETLINK_NETFILTER)
  const room = Buffer.alloc(4096)
  let sequence = 0
  let size = 0
  const ask = (type: number, flags: number, payload: Buffer): void => {
    const bytes = encodeMessage({ type, flags: REQUEST_AND_ACK | flags, sequence: ++sequence, payload })
    const length = shim.call('understudy_netlink_ask', socket, bytes, bytes.length, room, room.length)
    const message = decodeMessage(room.subarray(0, length))
    const errno = message && errorOf(message)
    if (errno !== 0) throw new Error(`connection tracking answers ${errno} to message ${type} at ${size} entries`)
  }
  return {
    growTo: (count) => {
      for (; size < count; size++) {
        const { client, local } = connectionOf(size)
        const original = { source: client, destination: DIALLED }
        const reply = { source: local, destination: client }
        const tuples = [encodeTuple(CTA_TUPLE_ORIG, original), encodeTuple(CTA_TUPLE_REPLY, reply)]
        const payload = [encodeFamily(reply), ...tuples, encodeAttribute(CTA_TIMEOUT, lifetime)]
        ask(CT_NEW, CREATE_EXCLUSIVELY, Buffer.concat(payload))
      }
    },
    clear: () => {
      ask(CT_DELETE, 0, Buffer.alloc(4))
      size = 0
    },
    close: () => void shim.raw('understudy_close_fd', socket),
  }
}

/** The two bounds of all namespaces' tables: how many entries, and how many hash buckets. */
const SETTINGS = ['/proc/sys/net/netfilter/nf_conntrack_max', '/sys/module/nf_conntrack/parameters/hashsize'] as const

/** Raises what is lower than `least` until the process ends, however it ends. */
export const makeRoomFor = (least: number): void => {
  for (const path of SETTINGS) {
    const before = readFileSync(path, 'utf8').trim()
    if (Number(before) >= least) continue
    process.once('exit', () => writeFileSync(path, before))
    writeFileSync(path, String(least))
  }
}
