/**
 * A search through /proc/net/nf_conntrack, for kernels or rights without netlink. It is made while a connection waits,
 * so it is bounded in bytes, lines and time: the kernel walks all its buckets, and older ones walk to their place anew
 * for each read (ct_get_idx in net/netfilter/nf_conntrack_standalone.c), which is quadratic in a long table.
 */
import { type ConntrackEntry, sameTuple, type Tuple } from './conntrack-entry.ts'
import { parseConntrackLine, spellTuple } from './conntrack-line.ts'

/** Which bound ended a search. */
export type SearchLimit = 'conntrack_lines' | 'conntrack_bytes' | 'conntrack_time'

export interface SearchBounds {
  readonly lines: number
  readonly bytes: number
  readonly milliseconds: number
}

export const SEARCH_BOUNDS: SearchBounds = { lines: 200_000, bytes: 64 * 1024 * 1024, milliseconds: 50 }

export interface SearchPorts {
  /** Fills the buffer from where the last call ended; 0 at the end. May throw. */
  read(buffer: Buffer): number
  /** Milliseconds of a clock that only goes forward. */
  now(): number
}

export type SearchResult =
  | { readonly kind: 'entry'; readonly entry: ConntrackEntry }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'limit'; readonly limit: SearchLimit }

const CHUNK_BYTES = 65_536
/** Several times the longest line; what has no end by then is no line of this file. */
const LINE_BYTES = 4096

/** The entry on one of these lines whose reply tuple is asked for; most lines are dismissed by one look. */
const pick = (lines: readonly string[], wanted: Tuple, spelling: string): ConntrackEntry | undefined => {
  for (const line of lines) {
    if (!line.includes(spelling)) continue
    const entry = parseConntrackLine(line)
    if (entry && sameTuple(entry.reply, wanted)) return entry
  }
  return undefined
}

/** Reads until the entry with this reply tuple, the end or a bound. A part of a line that is cut off does not count. */
export const searchConntrackFile = (reply: Tuple, ports: SearchPorts, bounds = SEARCH_BOUNDS): SearchResult => {
  const spelling = spellTuple(reply)
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  const started = ports.now()
  let rest = ''
  let bytes = 0
  let lineCount = 0
  for (;;) {
    const length = ports.read(chunk)
    if (length <= 0) return { kind: 'nothing' }
    bytes += length
    const lines = (rest + chunk.toString('latin1', 0, length)).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LINE_BYTES) rest = ''
    const left = bounds.lines - lineCount
    const entry = pick(lines.length > left ? lines.slice(0, left) : lines, reply, spelling)
    if (entry) return { kind: 'entry', entry }
    lineCount += lines.length
    if (lineCount >= bounds.lines) return { kind: 'limit', limit: 'conntrack_lines' }
    if (bytes >= bounds.bytes) return { kind: 'limit', limit: 'conntrack_bytes' }
    if (ports.now() - started >= bounds.milliseconds) return { kind: 'limit', limit: 'conntrack_time' }
  }
}
