/** DNS messages for tests, written by dns-packet. */
import { type Answer, type DecodedPacket, decode, encode, type Packet, type RecordType } from 'dns-packet'

const RECURSION_DESIRED = 0x0100
const RECURSION_AVAILABLE = 0x0080

export interface Asking {
  readonly id?: number
  /** Any type, also those dns-packet has no name for: `UNKNOWN_65`. */
  readonly type?: string
  /** The UDP size of an OPT record; without it there is none. */
  readonly ednsBytes?: number
  readonly isDnssecOk?: boolean
  readonly options?: { code: number; data: Buffer }[]
}

/** A query with one question. */
export const queryFor = (name: string, asking: Asking = {}): Buffer => {
  const { id = 0x1234, type = 'A', ednsBytes, isDnssecOk = false, options = [] } = asking
  const opt = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: ednsBytes,
    flags: isDnssecOk ? 0x8000 : 0,
    options,
  } as unknown as Answer
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ name, type: type as RecordType }],
    additionals: ednsBytes === undefined ? [] : [opt],
  })
}

/** An answer to `query` as a resolver would give it. */
export const answerTo = (query: Buffer, packet: Packet = {}, rcode = 0): Buffer => {
  const { id, questions = [] } = decode(query)
  const flags = RECURSION_DESIRED | RECURSION_AVAILABLE | (packet.flags ?? 0) | rcode
  return encode({ type: 'response', id: id ?? 0, questions, ...packet, flags })
}

export const record = (type: 'A' | 'AAAA' | 'CNAME', name: string, data: string, ttl = 60): Answer => ({
  type,
  name,
  ttl,
  data,
})

export const soa = (minimum: number, ttl = 3600): Answer => ({
  type: 'SOA',
  name: 'test',
  ttl,
  data: { mname: 'ns.test', rname: 'admin.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
})

export const NXDOMAIN = 3
export const SERVFAIL = 2
export const REFUSED = 5

/** What a test wants to know of an answer. */
export interface Outline {
  readonly id: number | undefined
  readonly rcode: number
  readonly isTruncated: boolean
  readonly question: string
  /** Data of the answer records, as text. */
  readonly data: readonly string[]
}

export const outlineOf = (message: Buffer): Outline => {
  const packet: DecodedPacket = decode(message)
  return {
    id: packet.id,
    rcode: (packet.flags ?? 0) & 0xf,
    isTruncated: packet.flag_tc,
    question: packet.questions?.map(({ name, type }) => `${name} ${type}`).join() ?? '',
    data: packet.answers?.map((answer) => ('data' in answer ? String(answer.data) : '')) ?? [],
  }
}
