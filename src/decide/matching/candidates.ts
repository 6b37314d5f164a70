/**
 * Finds the expectations that could match a request without asking the others: by the whole path where it is literal
 * (its dots may be any character), by the literal start of a pattern, and a rest that must always be asked; long lists
 * are split again by method and by host. Ten thousand cost about what one costs as long as they differ in one of these.
 */
import type { RequestHead } from '../../flow.ts'
import type { Expectation } from './expectation.ts'
import { createLiteralIndex, type Indexed, indexed, type LiteralIndex } from './literals.ts'
import type { TextMatcher } from './text.ts'

export interface Candidates {
  /**
   * The lowest rank that `accepts` among the expectations the head allows, or -1. `accepts` is asked of ranks in no
   * particular order overall, but never of one above the best so far: its last yes is the answer.
   */
  first<T extends Asked>(path: string, subject: T, accepts: (subject: T, rank: number) => boolean): number
}

interface Asked {
  readonly head: RequestHead
}

/** Ranks that have something in common, split further where there are many. */
interface Bucket {
  /** Asked always; ascending. */
  readonly ranks: readonly number[]
  readonly split?: { readonly by: Trait; readonly parts: LiteralIndex<Bucket> }
}

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
    const prefix = path && !path.negated ? path.pattern?.prefix.slice(0, MAX_PREFIX) : undefined
    if (text) literal.push(text)
    else if (!path || !prefix) rest.push(rank)
    else {
      append(byPrefix, prefix, rank)
      // A pattern also matches its own text.
      if (!path.lower.startsWith(prefix)) literal.push({ lower: path.lower, isDotted: false, rank })
    }
  }
  const bucket = (ranks: readonly number[]): Bucket => split(ordered, ranks, [METHOD, HOST])
  const byPath = createLiteralIndex(literal, bucket)
  const always = bucket([...rest, ...byPath.unindexed].sort((a, b) => a - b))
  const prefixed = new Map([...byPrefix].map(([prefix, ranks]) => [prefix, bucket(ranks)]))
  const lengths = [...new Set([...byPrefix.keys()].map((prefix) => prefix.length))].sort((a, b) => a - b)

  return {
    first(path, subject, accepts) {
      const lower = path.toLowerCase()
      let best = ordered.length
      byPath.each(lower, (found) => {
        best = search(found, best, subject, accepts)
      })
      best = search(always, best, subject, accepts)
      for (const length of lengths) {
        if (length > lower.length) break
        const found = prefixed.get(lower.slice(0, length))
        if (found) best = search(found, best, subject, accepts)
      }
      return best === ordered.length ? -1 : best
    },
  }
}

/** Splits a long list by the first trait that tells its members apart, and the parts by the traits after it. */
function split(ordered: readonly Expectation[], ranks: readonly number[], traits: readonly Trait[]): Bucket {
  const [trait, ...others] = traits
  if (!trait || ranks.length < SPLIT_FROM) return { ranks }
  const told: Indexed[] = []
  const rest: number[] = []
  for (const rank of ranks) {
    const expectation = ordered[rank]
    const asked = expectation?.request?.negated ? undefined : expectation && trait.asked(expectation)
    const text = asked && !asked.negated ? indexed(asked, rank) : undefined
    if (text) told.push(text)
    else rest.push(rank)
  }
  if (told.length < SPLIT_FROM) return split(ordered, ranks, others)
  const parts = createLiteralIndex(told, (part) => split(ordered, part, others))
  return { ranks: [...rest, ...parts.unindexed].sort((a, b) => a - b), split: { by: trait, parts } }
}

/** The first accepted rank of a bucket, if it is below `best`. */
function search<T extends Asked>(
  bucket: Bucket,
  best: number,
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
  bucket.split?.parts.each(bucket.split.by.of(subject.head).toLowerCase(), (part) => {
    lowest = search(part, lowest, subject, accepts)
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
