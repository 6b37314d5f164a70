/**
 * What came and what was answered, for the control API: in memory only, bounded by bytes. The oldest goes when there is
 * no room; adding costs the same however full it is, and what is cleared is freed.
 */
import { createByteRing } from './byte-ring.ts'
import { createHeadPacker } from './head-packer.ts'
import { KeptBytes } from './kept-bytes.ts'
import { type About, LoggedExchange, type LoggedResponse } from './logged-exchange.ts'

export type NoteType =
  | 'CREATED_EXPECTATION'
  | 'REMOVED_EXPECTATION'
  | 'CLEARED'
  | 'VERIFICATION_PASSED'
  | 'VERIFICATION_FAILED'

/** Something the API was told to do. */
export interface Note {
  readonly kind: 'note'
  readonly type: NoteType
  readonly atMs: number
  readonly text: string
  costBytes: number | undefined
}

type Entry = LoggedExchange | Note
type Whole = LoggedResponse & { kind: 'whole' }

export interface EventLogOptions {
  readonly limitBytes: number
  /** Most bytes kept of one body. */
  readonly bodyBytes: number
  readonly onEvicted: () => void
}

export interface EventLog {
  /** What is kept, the oldest first. */
  readonly entries: readonly Entry[]
  readonly bytes: number
  /** Requests that had to go since the log was last cleared as a whole: what it says of the past is then not all. */
  readonly evicted: number
  /** Begins an entry; its bodies may grow, which `grown` is to be told. */
  begin(about: About): LoggedExchange
  /** Room for one more body. */
  keep(): KeptBytes
  /** For those that have none. */
  readonly nothing: KeptBytes
  grown(entry: LoggedExchange, bytes: number): void
  answered(entry: LoggedExchange, response: LoggedResponse): void
  note(type: NoteType, atMs: number, text: string): void
  clear(): void
  /** Drops the exchanges that `isMeant`. */
  remove(isMeant: (entry: LoggedExchange) => boolean): void
}

/** What an entry costs beside its texts, and what a body costs beside its bytes; measured. */
const ENTRY_BYTES = 600
const BODY_BYTES = 400
/** A response that takes more than an eighth of the log is kept in part. */
const LARGEST_PART = 8
const NOTE_CHARACTERS = 16_384

/** Where the body of a response starts; its head is ours, so it ends somewhere. */
const bodyStart = (bytes: Buffer): number => bytes.indexOf('\r\n\r\n') + 4

/** What is kept of a response: all, unless it alone would drive out much of the rest. */
const keptOf = (response: Whole, { limitBytes, bodyBytes }: Omit<EventLogOptions, 'onEvicted'>): Whole => {
  const { bytes } = response
  const end = bodyStart(bytes) + bodyBytes
  if (bytes.length <= limitBytes / LARGEST_PART || bytes.length <= end) return response
  return { kind: 'whole', bytes: Buffer.from(bytes.subarray(0, end)), isCut: true }
}

export const createEventLog = ({ limitBytes, bodyBytes, onEvicted }: EventLogOptions): EventLog => {
  let evicted = 0
  const packer = createHeadPacker()
  const nothing = new KeptBytes(0)
  /** Answers of expectations are one buffer for all requests: counted once, as long as anybody has it. */
  const shared = new Map<Buffer, { readonly response: Whole; users: number }>()
  const ring = createByteRing<Entry>(limitBytes, (entry, why) => {
    if (entry.kind === 'exchange' && why === 'evicted') {
      evicted++
      onEvicted()
    }
    if (entry.kind === 'exchange' && entry.response?.kind === 'whole') giveBack(entry.response.bytes)
  })
  const giveBack = (buffer: Buffer): void => {
    const known = shared.get(buffer)
    if (!known || --known.users > 0) return
    shared.delete(buffer)
    ring.charge(-buffer.length)
  }
  const share = (response: Whole): Whole => {
    const known = shared.get(response.bytes)
    if (known) {
      known.users++
      return known.response
    }
    const kept = keptOf(response, { limitBytes, bodyBytes })
    shared.set(kept.bytes, { response: kept, users: 1 })
    return kept
  }

  return {
    get entries() {
      return ring.items
    },
    get bytes() {
      return ring.bytes
    },
    get evicted() {
      return evicted
    },
    keep: () => new KeptBytes(bodyBytes),
    nothing,
    begin: (about) => {
      const entry = new LoggedExchange(about, packer)
      const { held } = about.body
      ring.add(entry, ENTRY_BYTES + entry.headBytes + (held > 0 ? BODY_BYTES + held : 0))
      return entry
    },
    grown: ring.grow,
    answered: (entry, response) => {
      if (!ring.has(entry)) return
      entry.response = response
      if (response.kind === 'streamed') return
      const kept = share(response)
      entry.response = kept
      if (shared.get(kept.bytes)?.users === 1) ring.charge(kept.bytes.length)
    },
    note: (type, atMs, text) => {
      const short = text.length > NOTE_CHARACTERS ? `${text.slice(0, NOTE_CHARACTERS)}…` : text
      ring.add({ kind: 'note', type, atMs, text: short, costBytes: undefined }, ENTRY_BYTES + short.length * 2)
    },
    clear: () => {
      ring.clear()
      shared.clear()
      packer.restart()
      evicted = 0
    },
    remove: (isMeant) => {
      ring.remove((entry) => entry.kind === 'exchange' && isMeant(entry))
      // One that stays would keep the whole block of those that go.
      packer.restart()
      for (const entry of ring.items) if (entry.kind === 'exchange') entry.move(packer)
    },
  }
}
