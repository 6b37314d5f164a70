/**
 * Finds the expectations that could match a request without asking the others: by the whole path where it is literal
 * (its dots may be any character), by the literal start of a pattern, and a rest that must always be asked; long lists
 * are split again by the segments that patterns fix, by method, by host and by a value of JSON bodies. Ten thousand cost about what one costs as
 * long as they differ in one of these.
 */
import type { RequestHead } from '../../flow.ts'
import { createBodyIndex } from './body-values.ts'
import type { Expectation } from './expectation.ts'
import { createLiteralIndex, type Indexed, indexed } from './literals.ts'
import { type FixedSegments, fixedSegments, keyIn } from './path-segments.ts'
import type { Subject } from './request.ts'
import { createSegmentIndex } from './segment-tables.ts'
import type { TextMatcher } from './text.ts'

export interface Candidates {
  /**
   * The lowest rank that `accepts` among the expectations the head allows, or -1. `accepts` is asked of ranks in no
   * particular order overall, but never of one above the best so far: its last yes is the answer.
   */
  first<T extends Subject>(path: string, subject: T, accepts: (subject: T, rank: number) => boolean): number
}

/** A request being looked up. */
interface Seen {
  readonly head: RequestHead
  readonly subject: Subject
  /** The path in lower case. */
  readonly lower: string
  /** The same in parts, once they are asked for. */
  segments?: readonly string[]
}

/** Ranks that have something in common, split further where there are many. */
interface Bucket {
  /** Asked always; ascending. */
  readonly ranks: readonly number[]
  /** Calls `visit` for the parts that a request could be in. */
  readonly parts?: (seen: Seen, visit: (part: Bucket) => void) => void
}

/** Splits ranks by something, and says which have nothing to be told apart by; undefined where it is not worth it. */
type Splitter = (
  ordered: readonly Expectation[],
  ranks: readonly number[],
  make: (part: readonly number[]) => Bucket,
) => Bucket | undefined

/** What buckets are split by. */
interface Trait {
  readonly of: (head: RequestHead) => string
  readonly asked: (expectation: Expectation) => TextMatcher | undefined
}

const METHOD: Trait = { of: ({ method }) => method, asked: ({ request }) => request?.method }
const HOST: Trait = {
  of: hostOf,
  asked: ({ request }) => {
    if (request?.headers?.styles.length !== 0) return undefined
    return request.headers.required.find(({ name, value }) => name.lower === 'host' && isFixed(name) && value)?.value
  },
}

/** Bounds the look-ups per request: one for each length in use. */
const MAX_PREFIX = 64
/** A shorter list is asked from end to end. */
const SPLIT_FROM = 8

/** Indexes expectations that are already in the order they are to be asked: an index in `ordered` is a rank. */
export function createCandidates(ordered: readonly Expectation[]): Candidates {
  const literal: Indexed[] = []
  const byPrefix = new Map<string, number[]>()
  const rest: number[] = []
  for (const [rank, { request }] of ordered.entries()) {
    const path = request?.negated ? undefined : request?.path
    const text = path && !path.negated ? indexed(path, rank) : undefined
    if (text) literal.push(text)
    else if (!path || path.negated) rest.push(rank)
    else {
      const prefix = path.pattern?.prefix.slice(0, MAX_PREFIX) ?? ''
      if (prefix === '') rest.push(rank)
      else append(byPrefix, prefix, rank)
      // A pattern also matches its own text.
      if (!path.lower.startsWith(prefix) || !hasOwnSegments(path)) {
        literal.push({ lower: path.lower, isDotted: false, rank })
      }
    }
  }
  const bucket = (ranks: readonly number[]): Bucket => split(ordered, ranks, SPLITTERS)
  const byPath = createLiteralIndex(literal, bucket)
  const always = bucket([...rest, ...byPath.unindexed].sort((a, b) => a - b))
  const prefixed = new Map([...byPrefix].map(([prefix, ranks]) => [prefix, bucket(ranks)]))
  const lengths = [...new Set([...byPrefix.keys()].map((prefix) => prefix.length))].sort((a, b) => a - b)

  return {
    first(path, subject, accepts) {
      const lower = path.toLowerCase()
      const seen: Seen = { head: subject.head, subject, lower }
      let best = ordered.length
      byPath.each(lower, (found) => {
        best = search(found, best, seen, subject, accepts)
      })
      best = search(always, best, seen, subject, accepts)
      for (const length of lengths) {
        if (length > lower.length) break
        const found = prefixed.get(lower.slice(0, length))
        if (found) best = search(found, best, seen, subject, accepts)
      }
      return best === ordered.length ? -1 : best
    },
  }
}

/** Splits a long list by the first thing that tells its members apart, and the parts by what comes after it. */
function split(ordered: readonly Expectation[], ranks: readonly number[], splitters: readonly Splitter[]): Bucket {
  const [splitter, ...others] = splitters
  if (!splitter || ranks.length < SPLIT_FROM) return { ranks }
  const make = (part: readonly number[]): Bucket => split(ordered, part, others)
  return splitter(ordered, ranks, make) ?? split(ordered, ranks, others)
}

const bySegments: Splitter = (ordered, ranks, make) => {
  const told: { fixed: FixedSegments; rank: number }[] = []
  const rest: number[] = []
  for (const rank of ranks) {
    const request = ordered[rank]?.request
    const fixed = request?.negated || request?.path?.negated ? undefined : request?.path && segmentsIn(request.path)
    if (fixed) told.push({ fixed, rank })
    else rest.push(rank)
  }
  if (told.length < SPLIT_FROM) return undefined
  const index = createSegmentIndex(told, make)
  const always = make([...rest, ...index.unindexed].sort((a, b) => a - b))
  return {
    ranks: [],
    parts: (seen, visit) => {
      seen.segments ??= seen.lower.split('/')
      visit(always)
      index.each(seen.segments, visit)
    },
  }
}

const byTrait =
  ({ of, asked }: Trait): Splitter =>
  (ordered, ranks, make) => {
    const told: Indexed[] = []
    const rest: number[] = []
    for (const rank of ranks) {
      const expectation = ordered[rank]
      const text = expectation?.request?.negated ? undefined : expectation && asked(expectation)
      const found = text && !text.negated ? indexed(text, rank) : undefined
      if (found) told.push(found)
      else rest.push(rank)
    }
    if (told.length < SPLIT_FROM) return undefined
    const index = createLiteralIndex(told, make)
    return {
      ranks: [...rest, ...index.unindexed].sort((a, b) => a - b),
      parts: ({ head }, visit) => index.each(of(head).toLowerCase(), visit),
    }
  }

const byBody: Splitter = (ordered, ranks, make) => {
  const index = createBodyIndex(ordered, ranks, SPLIT_FROM, make)
  if (!index) return undefined
  return { ranks: index.unindexed, parts: ({ subject }, visit) => index.each(subject, visit) }
}

/** The segments come first: they tell most apart. The body comes last: it has to be read for it. */
const SPLITTERS: readonly Splitter[] = [bySegments, byTrait(METHOD), byTrait(HOST), byBody]

function segmentsIn({ pattern }: TextMatcher): FixedSegments | undefined {
  return pattern && fixedSegments(pattern)
}

/** Whether the text of a pattern, taken as a path, is found where the pattern is. */
function hasOwnSegments(path: TextMatcher): boolean {
  const fixed = segmentsIn(path)
  return !fixed || keyIn(fixed, path.lower.split('/')) === fixed.key
}

/** The first accepted rank of a bucket, if it is below `best`. */
function search<T extends Subject>(
  bucket: Bucket,
  best: number,
  seen: Seen,
  subject: T,
  accepts: (subject: T, rank: number) => boolean,
): number {
  let lowest = best
  for (const rank of bucket.ranks) {
    if (rank >= lowest) break
    if (accepts(subject, rank)) {
      lowest = rank
      break
    }
  }
  bucket.parts?.(seen, (part) => {
    lowest = search(part, lowest, seen, subject, accepts)
  })
  return lowest
}

function isFixed(name: TextMatcher): boolean {
  return !name.negated && !name.optional && !name.test
}

/** The Host header itself: what a matcher of headers sees. */
function hostOf({ headers }: RequestHead): string {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.length === 4 && headers[at]?.toLowerCase() === 'host') return headers[at + 1] ?? ''
  }
  return ''
}

function append(lists: Map<string, number[]>, key: string, rank: number): void {
  const list = lists.get(key)
  if (list) list.push(rank)
  else lists.set(key, [rank])
}
