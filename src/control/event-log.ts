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
  | 'UPDATED_EXPECTATION'
  | 'CLEARED'
  | 'VERIFICATION'
  | 'VERIFICATION_PASSED'
  | 'VERIFICATION_FAILED'

/** Something the API was told to do. */
export interface Note {
  readonly type: NoteType
  readonly atMs: number
  /** A sentence in which `{}` stands for one of the documents. */
  readonly format: string
  /** The documents as one JSON array; undefined where they were too long to be kept. */
  readonly documents: string | undefined
  costBytes: number | undefined
}

/** Told after something has changed: an exchange, or undefined where several have gone. */
export type Watch = (entry: LoggedExchange | undefined) => void

type Whole = LoggedResponse & { kind: 'whole' }
type Bounds = Pick<EventLogOptions, 'limitBytes' | 'bodyBytes'>

export interface EventLogOptions {
  readonly limitBytes: number
  /** Most bytes kept of one body. */
  readonly bodyBytes: number
  readonly onEvicted: () => void
}

export interface EventLog {
  /** The requests that are kept, the oldest first; a copy. */
  readonly exchanges: readonly LoggedExchange[]
  /** What the API was told, the oldest first; in a room of its own, so that it drives out no request. */
  readonly notes: readonly Note[]
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
  /** The whole of its request has come. */
  received(entry: LoggedExchange): void
  answered(entry: LoggedExchange, response: LoggedResponse): void
  /** The whole of its answer has left. */
  ended(entry: LoggedExchange, atMs: number): void
  note(type: NoteType, atMs: number, format: string, ...documents: readonly unknown[]): void
  /** Tells of every change until what it returns is called. */
  watch(told: Watch): () => void
  /** Other bounds from now on; the oldest go at once where there are too many. */
  bound(limitBytes: number, bodyBytes: number): void
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
const NOTE_BYTES = 200
/** Of the bytes of the log, the part that notes may take on top. */
const NOTES_PART = 16

/** Where the body of a response starts; its head is ours, so it ends somewhere. */
const bodyStart = (bytes: Buffer): number => bytes.indexOf('\r\n\r\n') + 4

/** What is kept of a response: all, unless it alone would drive out much of the rest. */
const keptOf = (response: Whole, { limitBytes, bodyBytes }: Bounds): Whole => {
  const { bytes } = response
  const end = bodyStart(bytes) + bodyBytes
  if (bytes.length <= limitBytes / LARGEST_PART || bytes.length <= end) return response
  return { kind: 'whole', bytes: Buffer.from(bytes.subarray(0, end)), isCut: true }
}

/** Answers of expectations are one buffer for all requests: counted once, as long as anybody has it. */
interface SharedAnswers {
  share(response: Whole, bounds: Bounds): { readonly kept: Whole; readonly isFirst: boolean }
  /** How many bytes nobody has any more. */
  giveBack(buffer: Buffer): number
  clear(): void
}

const createSharedAnswers = (): SharedAnswers => {
  const shared = new Map<Buffer, { readonly response: Whole; users: number }>()
  return {
    share: (response, bounds) => {
      const known = shared.get(response.bytes)
      if (known) {
        known.users++
        return { kept: known.response, isFirst: false }
      }
      const kept = keptOf(response, bounds)
      shared.set(kept.bytes, { response: kept, users: 1 })
      return { kept, isFirst: true }
    },
    giveBack: (buffer) => {
      const known = shared.get(buffer)
      if (!known || --known.users > 0) return 0
      shared.delete(buffer)
      return buffer.length
    },
    clear: () => shared.clear(),
  }
}

/** What the API was told, beside the requests. */
interface Notes {
  readonly items: readonly Note[]
  readonly bytes: number
  readonly note: EventLog['note']
  bound(limitBytes: number): void
  clear(): void
}

const newNote = (type: NoteType, atMs: number, format: string, documents: readonly unknown[]): Note => {
  const whole = JSON.stringify(documents)
  const kept = whole.length > NOTE_CHARACTERS ? undefined : whole
  return { type, atMs, format: format.slice(0, NOTE_CHARACTERS), documents: kept, costBytes: undefined }
}

const createNotes = (limitBytes: number): Notes => {
  const ring = createByteRing<Note>(limitBytes / NOTES_PART, () => undefined)
  return {
    get items() {
      return ring.items
    },
    get bytes() {
      return ring.bytes
    },
    note: (type, atMs, format, ...documents) => {
      const note = newNote(type, atMs, format, documents)
      ring.add(note, NOTE_BYTES + (note.format.length + (note.documents?.length ?? 0)) * 2)
    },
    bound: (bytes) => ring.limit(bytes / NOTES_PART),
    clear: ring.clear,
  }
}

interface Watches {
  readonly tell: Watch
  readonly watch: EventLog['watch']
}

const createWatches = (): Watches => {
  const watches = new Set<Watch>()
  return {
    tell: (entry) => {
      for (const told of watches) told(entry)
    },
    watch: (told) => {
      watches.add(told)
      return () => watches.delete(told)
    },
  }
}

export const createEventLog = ({ onEvicted, ...given }: EventLogOptions): EventLog => {
  let bounds: Bounds = given
  let evicted = 0
  const packer = createHeadPacker()
  const nothing = new KeptBytes(0)
  const answers = createSharedAnswers()
  const { tell, watch } = createWatches()
  const ring = createByteRing<LoggedExchange>(bounds.limitBytes, (entry, why) => {
    if (why === 'evicted') {
      evicted++
      onEvicted()
      tell(undefined)
    }
    if (entry.response?.kind === 'whole') ring.charge(-answers.giveBack(entry.response.bytes))
  })
  const notes = createNotes(bounds.limitBytes)

  return {
    get exchanges() {
      return ring.items
    },
    get notes() {
      return notes.items
    },
    get bytes() {
      return ring.bytes + notes.bytes
    },
    get evicted() {
      return evicted
    },
    keep: () => new KeptBytes(bounds.bodyBytes),
    nothing,
    begin: (about) => {
      const entry = new LoggedExchange(about, packer)
      const { held } = about.body
      ring.add(entry, ENTRY_BYTES + entry.headBytes + (held > 0 ? BODY_BYTES + held : 0))
      tell(entry)
      return entry
    },
    grown: ring.grow,
    received: tell,
    answered: (entry, response) => {
      if (!ring.has(entry)) return
      entry.response = response
      if (response.kind === 'streamed') return
      const { kept, isFirst } = answers.share(response, bounds)
      entry.response = kept
      if (isFirst) ring.charge(kept.bytes.length)
    },
    ended: (entry, atMs) => {
      entry.answeredAtMs = atMs
      tell(entry)
    },
    note: notes.note,
    watch,
    bound: (limitBytes, bodyBytes) => {
      bounds = { limitBytes, bodyBytes }
      ring.limit(limitBytes)
      notes.bound(limitBytes)
    },
    clear: () => {
      ring.clear()
      notes.clear()
      answers.clear()
      packer.restart()
      evicted = 0
      tell(undefined)
    },
    remove: (isMeant) => {
      ring.remove(isMeant)
      // One that stays would keep the whole block of those that go.
      packer.restart()
      for (const entry of ring.items) entry.move(packer)
      tell(undefined)
    },
  }
}
