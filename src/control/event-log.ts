/**
 * What came and what was answered, for the control API: in memory only, bounded by bytes. The oldest goes when there is
 * no room; adding costs the same however full it is, and what is cleared is freed. An exchange that is over is packed.
 */
import type { Flow } from '../flow.ts'
import { createBlocks, LARGEST_RECORD, type Place } from './blocks.ts'
import { KeptBytes } from './kept-bytes.ts'
import { type About, type LoggedExchange, type LoggedResponse, OpenExchange } from './logged-exchange.ts'
import { createNotes, type Note, type NoteType } from './notes.ts'
import { handleAt, layOut, lengthAt, PackedExchange, write } from './packed-exchange.ts'
import { createSharedAnswers, type Whole } from './shared-answers.ts'
import { createSlots } from './slots.ts'

/** Told after something has changed: an exchange, or undefined where several have gone. */
export type Watch = (entry: LoggedExchange | undefined) => void

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
  begin(about: About): OpenExchange
  /** Room for one more body. */
  keep(): KeptBytes
  /** For those that have none. */
  readonly nothing: KeptBytes
  grown(entry: OpenExchange, bytes: number): void
  /** The whole of its request has come. */
  received(entry: OpenExchange): void
  answered(entry: OpenExchange, response: LoggedResponse): void
  /** The whole of its answer has left; unless `isReceived` is false, the whole of its request had come before. */
  ended(entry: OpenExchange, atMs: number, isReceived?: boolean): void
  note(type: NoteType, atMs: number, format: string, ...documents: readonly unknown[]): void
  /** Tells of every change until what it returns is called. */
  watch(told: Watch): () => void
  /** Other bounds from now on; the oldest go at once where there are too many. */
  bound(limitBytes: number, bodyBytes: number): void
  clear(): void
  /** Drops the exchanges that `isMeant`. */
  remove(isMeant: (entry: LoggedExchange) => boolean): void
}

/** What an entry costs beside its texts while it is an object, and what a body costs beside its bytes; measured. */
const ENTRY_BYTES = 600
const BODY_BYTES = 400
const TEXT_BYTES = 24
/** What a packed one costs beside its bytes: its places in the list and in the table of flows. */
const SLOT_BYTES = 64
/** A response that takes more than an eighth of the log is kept in part. */
const LARGEST_PART = 8
/** Longer answers are looked for among those that many requests have; shorter ones are copied sooner than found. */
const INLINE_BYTES = 4096

/** One thing in the log: open, or the place of a packed exchange. */
type Slot = OpenExchange | Place

/** Where the body of a response starts; its head is ours, so it ends somewhere. */
const bodyStart = (bytes: Buffer): number => bytes.indexOf('\r\n\r\n') + 4

/** What is kept of a response: all, unless it alone would drive out much of the rest. */
const keptOf = (response: Whole, { limitBytes, bodyBytes }: Bounds): Whole => {
  const { bytes } = response
  const end = bodyStart(bytes) + bodyBytes
  if (bytes.length <= limitBytes / LARGEST_PART || bytes.length <= end) return response
  return { kind: 'whole', bytes: Buffer.from(bytes.subarray(0, end)), isCut: true }
}

const costOf = ({ head, body }: About): number => {
  let characters = head.method.length + 2 * head.target.length
  for (const text of head.headers) characters += text.length
  const texts = characters + head.headers.length * TEXT_BYTES
  return ENTRY_BYTES + texts + (body.held > 0 ? BODY_BYTES + body.held : 0)
}

/** A class: as closures, its one list and its count of bytes would be a function of two hundred lines. */
class Log implements EventLog {
  readonly nothing = new KeptBytes(0)
  readonly #onEvicted: () => void
  readonly #watches = new Set<Watch>()
  readonly #notes: ReturnType<typeof createNotes>
  #bounds: Bounds
  readonly #shared = createSharedAnswers((bytes) => this.#charge(bytes))
  #blocks = createBlocks()
  /** Whose the packed ones are; a connection's own, which all its requests share. */
  #flows = new Map<Place, Flow>()
  #slots = createSlots<Slot>()
  #numbers = 0
  #bytes = 0
  #evicted = 0

  constructor(options: EventLogOptions) {
    this.#bounds = options
    this.#onEvicted = options.onEvicted
    this.#notes = createNotes(options.limitBytes)
  }

  get bytes(): number {
    return this.#bytes + this.#notes.bytes
  }
  get notes(): readonly Note[] {
    return this.#notes.items
  }
  get evicted(): number {
    return this.#evicted
  }
  get exchanges(): readonly LoggedExchange[] {
    this.#blocks.lend()
    const entries: LoggedExchange[] = []
    for (let at = this.#slots.first; at < this.#slots.next; at++) {
      const slot = this.#slots.get(at)
      if (slot !== undefined) entries.push(typeof slot === 'number' ? this.#look(slot) : slot)
    }
    return entries
  }
  #look(place: Place): PackedExchange {
    const block = this.#blocks.blockOf(place)
    const at = this.#blocks.offsetOf(place)
    const handle = handleAt(block, at)
    const shared = handle === undefined ? undefined : this.#shared.find(handle)
    return new PackedExchange(block, at, shared, this.#flows.get(place))
  }

  #charge(bytes: number): void {
    this.#bytes += bytes
    this.#evict()
  }
  #evict(): void {
    while (this.#bytes > this.#bounds.limitBytes) {
      const slot = this.#slots.shift()
      if (slot === undefined) return
      this.#drop(slot)
      this.#evicted++
      this.#onEvicted()
      this.#tell(undefined)
    }
  }
  /** Gives back what an entry was charged. */
  #drop(slot: Slot): void {
    if (typeof slot === 'number') {
      const block = this.#blocks.blockOf(slot)
      const at = this.#blocks.offsetOf(slot)
      const handle = handleAt(block, at)
      this.#bytes -= lengthAt(block, at) + SLOT_BYTES
      this.#blocks.release(slot)
      this.#flows.delete(slot)
      if (handle !== undefined) this.#shared.giveBack(handle)
      return
    }
    this.#bytes -= slot.costBytes
    slot.slot = undefined
    if (slot.answerHandle !== undefined) this.#shared.giveBack(slot.answerHandle)
  }

  /** The exchanges that are not over, by the number of their slot. */
  *#open(): Generator<[number, OpenExchange]> {
    for (let at = this.#slots.first; at < this.#slots.next; at++) {
      const slot = this.#slots.get(at)
      if (typeof slot === 'object') yield [at, slot]
    }
  }

  keep(): KeptBytes {
    return new KeptBytes(this.#bounds.bodyBytes)
  }
  begin(about: About): OpenExchange {
    const cost = costOf(about)
    const entry = new OpenExchange(about, this.#numbers++, this.#slots.next, cost)
    this.#slots.push(entry)
    this.#charge(cost)
    this.#tell(entry)
    return entry
  }
  grown(entry: OpenExchange, bytes: number): void {
    if (entry.slot === undefined) return
    entry.costBytes += bytes
    this.#charge(bytes)
  }
  answered(entry: OpenExchange, response: LoggedResponse): void {
    if (entry.slot === undefined) return
    entry.response = response
    if (response.kind === 'streamed') return
    if (response.bytes.length <= INLINE_BYTES) return this.grown(entry, response.bytes.length)
    const handle = this.#shared.take(response.bytes, () => keptOf(response, this.#bounds))
    // To be charged for it may have driven out the entry itself.
    if (entry.slot === undefined) return this.#shared.giveBack(handle)
    entry.answerHandle = handle
    entry.response = this.#shared.find(handle)
  }
  received(entry: OpenExchange): void {
    if (entry.answeredAtMs !== undefined) this.#pack(entry)
    this.#tell(entry)
  }
  ended(entry: OpenExchange, atMs: number, isReceived = true): void {
    entry.answeredAtMs = atMs
    // A body that is still to come is noted as far as it comes.
    if (isReceived) this.#pack(entry)
    this.#tell(entry)
  }
  #pack(entry: OpenExchange): void {
    const { slot, answerHandle } = entry
    if (slot === undefined) return
    const packing = layOut(entry, answerHandle)
    if (!packing || packing.bytes > LARGEST_RECORD) return
    const place = this.#blocks.reserve(packing.bytes)
    write(packing, this.#blocks.blockOf(place), this.#blocks.offsetOf(place))
    entry.slot = undefined
    if (entry.flow) this.#flows.set(place, entry.flow)
    this.#slots.set(slot, place)
    this.#charge(packing.bytes + SLOT_BYTES - entry.costBytes)
  }
  note(type: NoteType, atMs: number, format: string, ...documents: readonly unknown[]): void {
    this.#notes.note(type, atMs, format, ...documents)
  }

  #tell(entry: LoggedExchange | undefined): void {
    for (const told of this.#watches) told(entry)
  }
  watch(told: Watch): () => void {
    this.#watches.add(told)
    return () => this.#watches.delete(told)
  }
  bound(limitBytes: number, bodyBytes: number): void {
    this.#bounds = { limitBytes, bodyBytes }
    this.#notes.bound(limitBytes)
    this.#evict()
  }

  clear(): void {
    for (const [, entry] of this.#open()) entry.slot = undefined
    this.#slots.clear()
    this.#bytes = 0
    this.#evicted = 0
    this.#blocks.clear()
    this.#flows.clear()
    this.#shared.clear()
    this.#notes.clear()
    this.#tell(undefined)
  }
  remove(isMeant: (entry: LoggedExchange) => boolean): void {
    const before = this.#blocks
    before.lend()
    const stays: Slot[] = []
    for (let at = this.#slots.first; at < this.#slots.next; at++) {
      const slot = this.#slots.get(at)
      if (slot === undefined) continue
      const entry = typeof slot === 'number' ? this.#look(slot) : slot
      if (isMeant(entry)) this.#drop(slot)
      else stays.push(slot)
    }
    this.#slots.clear()
    // One that stays would keep the whole block of those that go.
    this.#blocks = createBlocks()
    const flows = this.#flows
    this.#flows = new Map()
    for (const slot of stays) this.#slots.push(typeof slot === 'number' ? this.#moved(slot, before, flows) : slot)
    for (const [at, entry] of this.#open()) entry.slot = at
    this.#tell(undefined)
  }
  #moved(place: Place, from: ReturnType<typeof createBlocks>, flows: ReadonlyMap<Place, Flow>): Place {
    const source = from.blockOf(place)
    const at = from.offsetOf(place)
    const length = lengthAt(source, at)
    const moved = this.#blocks.reserve(length)
    source.bytes.copy(this.#blocks.blockOf(moved).bytes, this.#blocks.offsetOf(moved), at, at + length)
    const flow = flows.get(place)
    if (flow) this.#flows.set(moved, flow)
    return moved
  }
}

export const createEventLog = (options: EventLogOptions): EventLog => new Log(options)
