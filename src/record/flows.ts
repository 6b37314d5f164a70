/** The live stream of records: the last ones for replay, and readers that can never hold anybody up. */
import { lineText, overwrite, type RecordLine } from './line.ts'

/** Where a reader's lines go; the answer of `write` is whether it wants more before `drained()`. */
export interface FlowReader {
  write(lines: string): boolean
  end(): void
}

export interface Subscription {
  /** The reader has room again. */
  drained(): void
  close(): void
}

export interface SubscribeOptions {
  /** How many of the last records come first. */
  readonly replay?: number
  /** The reader is ended after this many records. */
  readonly limit?: number
  /** Others are passed over, in the replay too. */
  readonly wants?: (line: RecordLine) => boolean
}

export interface FlowFeed {
  /** Whether a record published now would be kept or read; where not, it need not be built. */
  wanted(): boolean
  /** `text` is the line's NDJSON where somebody has already made it. */
  publish(line: RecordLine, text?: string): void
  /** Undefined where there are as many readers as allowed. */
  subscribe(reader: FlowReader, options?: SubscribeOptions): Subscription | undefined
  /** Ends every reader. */
  close(): void
}

export interface FlowFeedOptions {
  /** Records kept for replay; with 0, records are only built while somebody reads. */
  readonly ringLines?: number
  readonly maxReaders?: number
  /** Bounds of one reader's queue. */
  readonly queueLines?: number
  readonly queueChars?: number
  readonly onDrop?: (lines: number) => void
  /** How many readers there are now. */
  readonly onReaders?: (count: number) => void
}

export const RING_LINES = 1000
const MAX_READERS = 16
const QUEUE_LINES = 1000
const QUEUE_CHARS = 1024 * 1024

interface Queue {
  readonly reader: FlowReader
  readonly wants: ((line: RecordLine) => boolean) | undefined
  lines: string[]
  chars: number
  /** Records lost since the reader was last told. */
  dropped: number
  /** Records still to come before the end. */
  remaining: number
  /** The reader said no more for now. */
  full: boolean
  scheduled: boolean
  closed: boolean
}

export const createFlowFeed = (options: FlowFeedOptions = {}): FlowFeed => {
  const { maxReaders = MAX_READERS, ringLines = RING_LINES, onReaders = () => {} } = options
  const limits = { lines: options.queueLines ?? QUEUE_LINES, chars: options.queueChars ?? QUEUE_CHARS }
  const onDrop = options.onDrop ?? (() => {})
  const ring = createRing(ringLines)
  const queues = new Set<Queue>()
  const close = (queue: Queue) => {
    queue.closed = true
    if (queues.delete(queue)) onReaders(queues.size)
  }
  const send = (queue: Queue) => {
    if (deliver(queue)) return
    close(queue)
    queue.reader.end()
  }
  const offer = (queue: Queue, text: string) => {
    if (queue.remaining <= 0) return
    if (queue.lines.length >= limits.lines || queue.chars + text.length > limits.chars) {
      queue.dropped++
      return onDrop(1)
    }
    queue.lines.push(text)
    queue.chars += text.length
    queue.remaining--
    if (queue.scheduled || queue.full) return
    queue.scheduled = true
    setImmediate(send, queue) // one write for all records of this turn of the event loop
  }
  return {
    wanted: () => ringLines > 0 || queues.size > 0,
    publish(line, text) {
      ring.push(line)
      if (queues.size === 0) return
      let json = text
      for (const queue of queues) {
        if (queue.wants && !queue.wants(line)) continue
        json ??= lineText(line)
        offer(queue, json)
      }
    },
    subscribe(reader, { replay = 0, limit = Number.POSITIVE_INFINITY, wants } = {}) {
      if (queues.size >= maxReaders) return undefined
      const queue = createQueue(reader, limit, wants)
      queues.add(queue)
      onReaders(queues.size)
      for (const text of newest(ring.last(Math.min(replay, limits.lines), wants), limits.chars)) offer(queue, text)
      return {
        drained() {
          queue.full = false
          if (!queue.closed) send(queue)
        },
        close: () => close(queue),
      }
    },
    close() {
      for (const queue of queues) {
        close(queue)
        queue.reader.end()
      }
    },
  }
}

const createQueue = (reader: FlowReader, remaining: number, wants: Queue['wants']): Queue => ({
  reader,
  wants,
  lines: [],
  chars: 0,
  dropped: 0,
  remaining,
  full: false,
  scheduled: false,
  closed: false,
})

/** Hands over what waits, then says how many records are missing after it. False once the reader has had its fill. */
const deliver = (queue: Queue): boolean => {
  queue.scheduled = false
  if (queue.closed || queue.full) return true
  if (queue.dropped > 0) queue.lines.push(gapText(queue.dropped))
  const chunk = queue.lines.join('')
  queue.lines = []
  queue.chars = 0
  queue.dropped = 0
  if (chunk !== '') queue.full = !queue.reader.write(chunk)
  return queue.remaining > 0
}

const gapText = (dropped: number): string => `${JSON.stringify({ kind: 'gap', dropped })}\n`

interface Ring {
  push(line: RecordLine): void
  /** The last `count` of those that are wanted, oldest first. */
  last(count: number, wants?: (line: RecordLine) => boolean): RecordLine[]
}

/**
 * Exchanges are copied into lines that stay: a thousand lines that each live for a moment longer than the others of the
 * young generation would all be copied, and end in the old one.
 */
const createRing = (capacity: number): Ring => {
  const slots: RecordLine[] = []
  let next = 0
  return {
    push(line) {
      if (capacity === 0) return
      const before = slots[next]
      if (line.kind === 'exchange' && before?.kind === 'exchange') overwrite(before, line)
      else slots[next] = line.kind === 'exchange' ? { ...line } : line
      next = (next + 1) % capacity
    },
    last(count, wants) {
      const all = slots.length < capacity ? slots : [...slots.slice(next), ...slots.slice(0, next)]
      const ordered = wants ? all.filter(wants) : all
      return count > 0 ? ordered.slice(-count) : []
    },
  }
}

/** As many of the last lines as fit; a replay gives up its oldest part rather than its newest. */
const newest = (lines: readonly RecordLine[], maxChars: number): string[] => {
  const texts: string[] = []
  let chars = 0
  for (const line of lines.toReversed()) {
    const text = lineText(line)
    chars += text.length
    if (chars > maxChars) break
    texts.push(text)
  }
  return texts.reverse()
}
