/**
 * What an answer says, and answers of our own. The only importer of dns-packet, which throws on much of what is hostile
 * and takes some of it for true: it ignores the length of A and AAAA data, and follows pointers once per name however
 * long their chain is. So the records are walked first, only so many are decoded, and nothing is thrown from here. Pure.
 */
import { isIPv4 } from 'node:net'
import { type DecodedPacket, decode, encode, type OptAnswer, type Answer as Record } from 'dns-packet'
import { canonicalAddress } from './address.ts'
import { CLASS_IN, HEADER_BYTES, isTruncated, type Question, RCODE, rcodeOf, TYPE } from './question.ts'
import { type RecordPlace, ttlOf, walkRecords } from './records.ts'

export interface ReadAnswer {
  /** Of the A and AAAA records, canonical. */
  readonly addresses: readonly string[]
  /** The other names the addresses go by: the owners met on the way of a CNAME chain. Lower case. */
  readonly aliases: readonly string[]
  /** The shortest time to live among the answers, seconds; 0 where there is none. */
  readonly ttlS: number
  /** How long the whole message may be kept, seconds; 0 for not at all. */
  readonly keepS: number
  /** Offsets of every time to live in it. */
  readonly ttlsAt: readonly number[]
}

/** More addresses than this in one answer are passed on but not remembered. */
const MAX_DECODED_RECORDS = 64
const PLAIN_NAME = /^[\x21-\x5b\x5d-\x7e]+$/
const DEFAULT_UDP_BYTES = 512
/** What we say we can take, as RFC 9715 advises: no fragments. */
const OUR_UDP_BYTES = 1232
const RESPONSE = 0x8000
const TRUNCATED = 0x0200
const RECURSION_DESIRED = 0x0100
const RECURSION_AVAILABLE = 0x0080
const CHECKING_DISABLED = 0x0010
const OPCODE = 0x7800

/** Undefined where the message is broken: it goes to the client all the same, but nothing is learnt from it. */
export const readAnswer = (message: Buffer, question: Question): ReadAnswer | undefined => {
  const places = walkRecords(message, question.end)
  if (!places) return undefined
  const answers = places.filter(({ section }) => section === 'answer')
  const kept = places.filter(({ type }) => type !== TYPE.OPT)
  return {
    ...(isAboutAddresses(question, answers) ? addressesOf(message, question) : NOTHING),
    ttlS: Math.min(
      ...answers.map((place) => ttlOf(message, place)),
      answers.length === 0 ? 0 : Number.POSITIVE_INFINITY,
    ),
    keepS: keepSeconds(message, places, kept),
    ttlsAt: kept.map(({ ttlAt }) => ttlAt),
  }
}

const NOTHING = { addresses: [], aliases: [] } as const

const isAboutAddresses = (question: Question, answers: readonly RecordPlace[]): boolean =>
  question.class === CLASS_IN &&
  answers.length <= MAX_DECODED_RECORDS &&
  answers.some(({ type }) => type === TYPE.A || type === TYPE.AAAA) &&
  answers.every(({ type, dataLength }) => dataLength === (DATA_BYTES.get(type) ?? dataLength))

const DATA_BYTES: ReadonlyMap<number, number> = new Map([
  [TYPE.A, 4],
  [TYPE.AAAA, 16],
])

const addressesOf = (message: Buffer, { name }: Question): Pick<ReadAnswer, 'addresses' | 'aliases'> => {
  const decoded = decodeSections(message, { isAnswerWanted: true })
  if (!decoded) return NOTHING
  const addresses = new Set<string>()
  const aliases = new Set<string>()
  for (const record of decoded.answers ?? []) {
    if (record.type !== 'A' && record.type !== 'AAAA' && record.type !== 'CNAME') continue
    const owner = record.name.toLowerCase()
    if (owner !== name && PLAIN_NAME.test(owner)) aliases.add(owner)
    const address = record.type === 'CNAME' ? undefined : canonicalAddress(record.data)
    if (address !== undefined) addresses.add(address)
  }
  return { addresses: [...addresses], aliases: [...aliases] }
}

/** dns-packet's decode of the answers, or of the records after them, and never of both. */
const decodeSections = (
  message: Buffer,
  { isAnswerWanted }: { isAnswerWanted: boolean },
): DecodedPacket | undefined => {
  const copy = Buffer.from(message)
  if (isAnswerWanted) copy.fill(0, 8, HEADER_BYTES)
  try {
    return decode(copy)
  } catch {
    return undefined // dns-packet throws on what it cannot read
  }
}

/**
 * RFC 2308: a name or a type that does not exist is kept as long as its SOA says, and not at all without one. Truncated
 * answers, failures and those with EDNS options (cookies, client subnets) are meant for one client at one moment.
 */
const keepSeconds = (message: Buffer, places: readonly RecordPlace[], kept: readonly RecordPlace[]): number => {
  const rcode = rcodeOf(message)
  if (isTruncated(message) || (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN)) return 0
  if (places.some(({ type, dataLength }) => type === TYPE.OPT && dataLength > 0)) return 0
  const shortest = Math.min(...kept.map((place) => ttlOf(message, place)))
  if (rcode === RCODE.NOERROR && kept.some(({ section }) => section === 'answer')) return shortest
  const soa = kept.find(({ section, type }) => section === 'authority' && type === TYPE.SOA)
  // The last field of an SOA is MINIMUM, the time to live of what is not there.
  return soa && soa.dataLength >= 22 ? Math.min(shortest, message.readUInt32BE(soa.dataAt + soa.dataLength - 4)) : 0
}

/** The longest UDP answer that the sender of a query takes, and whether it speaks EDNS. */
export interface Edns {
  readonly udpBytes: number
  readonly isDnssecOk: boolean
}

/** The OPT record of a query (RFC 6891); undefined where there is none. */
export const ednsOf = (query: Buffer, question: Question): Edns | undefined => {
  const place = walkRecords(query, question.end)?.find(
    ({ section, type }) => section === 'additional' && type === TYPE.OPT,
  )
  if (!place) return undefined
  // In an OPT record the class is a size and the time to live holds flags.
  const udpBytes = Math.max(DEFAULT_UDP_BYTES, query.readUInt16BE(place.ttlAt - 2))
  return { udpBytes, isDnssecOk: (query.readUInt32BE(place.ttlAt) & 0x8000) !== 0 }
}

const QUERY_NAME = /^(?=.{1,253}\.?$)(?:[!-\-/-[\]-~]{1,63}\.)*[!-\-/-[\]-~]{1,63}\.?$/

/** A question of our own, over EDNS; its id is set by whoever sends it. Undefined for what is no name. */
export const composeQuery = (name: string, type: number): Buffer | undefined => {
  if (!QUERY_NAME.test(name)) return undefined
  const query = encode({
    type: 'query',
    id: 0,
    flags: RECURSION_DESIRED,
    questions: [{ name, type: type === TYPE.AAAA ? 'AAAA' : 'A' }],
    additionals: [optRecord({ udpBytes: OUR_UDP_BYTES, isDnssecOk: false })],
  })
  return query
}

export interface OwnAnswer {
  readonly rcode: number
  /** One record of this kind, or none: then the name exists, but not this type (NODATA). None for a name that is not plain. */
  readonly address?: string
  readonly ttlS?: number
  /** Over UDP an answer that is too long is cut, and says so. */
  readonly transport: 'udp' | 'tcp'
}

/** An answer to `query` that we give ourselves; its question is echoed to the byte, case included (0x20). */
export const composeAnswer = (query: Buffer, question: Question | undefined, own: OwnAnswer): Buffer => {
  const { rcode, address, ttlS = 0, transport } = own
  const edns = question && ednsOf(query, question)
  // dns-packet writes names as UTF-8 and splits them at dots: one that is not plain would come out as another.
  const isWritable = question !== undefined && !question.name.includes('\\')
  const answers = address && isWritable ? [addressRecord(query, question, address, ttlS)] : []
  const additionals = edns ? [optRecord(edns)] : []
  const whole = assemble(query, question, rcode, answers, additionals)
  const limit = transport === 'udp' ? (edns?.udpBytes ?? DEFAULT_UDP_BYTES) : 0xffff
  if (whole.length <= limit) return whole
  const cut = assemble(query, question, rcode, [], additionals)
  cut.writeUInt16BE(cut.readUInt16BE(2) | TRUNCATED, 2)
  return cut
}

const addressRecord = (query: Buffer, question: Question, data: string, ttl: number): Record => ({
  type: isIPv4(data) ? 'A' : 'AAAA',
  name: askedName(query, question),
  ttl,
  class: 'IN',
  data,
})

/** The name with the case it was asked in. */
const askedName = (query: Buffer, { end }: Question): string => {
  const labels: string[] = []
  for (let at = HEADER_BYTES; at < end - 5; at += (query[at] ?? 0) + 1) {
    labels.push(query.toString('latin1', at + 1, at + 1 + (query[at] ?? 0)))
  }
  return labels.join('.')
}

const optRecord = ({ isDnssecOk }: Edns): OptAnswer => ({
  type: 'OPT',
  name: '.',
  udpPayloadSize: OUR_UDP_BYTES,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: isDnssecOk ? 0x8000 : 0,
  flag_do: isDnssecOk,
  options: [],
})

const assemble = (
  query: Buffer,
  question: Question | undefined,
  rcode: number,
  answers: Record[],
  additionals: Record[],
): Buffer => {
  const head = Buffer.from(query.subarray(0, question?.end ?? HEADER_BYTES))
  const echoed = query.readUInt16BE(2) & (OPCODE | RECURSION_DESIRED | CHECKING_DISABLED)
  head.writeUInt16BE(RESPONSE | RECURSION_AVAILABLE | echoed | rcode, 2)
  head.writeUInt16BE(question ? 1 : 0, 4)
  head.writeUInt16BE(answers.length, 6)
  head.writeUInt16BE(0, 8)
  head.writeUInt16BE(additionals.length, 10)
  return Buffer.concat([head, encode({ answers, additionals }).subarray(HEADER_BYTES)])
}
