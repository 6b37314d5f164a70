/**
 * What a pattern of paths fixes about them, segment by segment: `/api/[^/]+/item-7` has three segments, the first of
 * which is `api` and the last `item-7`. Each of these must be so in every path that matches; the rest is the pattern's to
 * judge.
 */

import type { Pattern } from './pattern.ts'
import { type Node, parsePattern } from './pattern-tree.ts'

/** Where something is fixed: a whole segment, or how one begins or ends. */
export interface Place {
  /** From the first segment on, or back from the last, which is -1. */
  readonly at: number
  readonly part: 'whole' | 'start' | 'end'
  /** Of a start or an end. */
  readonly length: number
}

export interface FixedSegments {
  /** How many there are, where the pattern leaves no choice. */
  readonly count: number | undefined
  readonly places: readonly Place[]
  /** Names count and places: the same for all patterns that fix the same. */
  readonly shape: string
  /** What stands in the places, in lower case, each after a slash, which no segment holds. */
  readonly key: string
}

/** What a path of these segments has in those places; undefined where it has not all of them, or another count. */
export function keyIn({ count, places }: FixedSegments, segments: readonly string[]): string | undefined {
  if (count !== undefined && count !== segments.length) return undefined
  let key = ''
  for (const { at, part, length } of places) {
    const segment = segments[at < 0 ? segments.length + at : at]
    if (segment === undefined) return undefined
    key += `/${part === 'whole' ? segment : part === 'start' ? segment.slice(0, length) : segment.slice(-length)}`
  }
  return key
}

/** A slash, a letter that stands for itself, something within a segment, or something that may go beyond it. */
type Token = { readonly kind: 'slash' | 'within' | 'open' } | { readonly kind: 'letter'; readonly text: string }

/** Of the start or the end of a segment; more does not tell patterns better apart. */
const MAX_PART = 32
const SLASH = 1n << 47n

const known = new WeakMap<Pattern, FixedSegments | undefined>()

/** Undefined where nothing is fixed. Worked out once for each pattern. */
export function fixedSegments(pattern: Pattern): FixedSegments | undefined {
  if (!known.has(pattern)) known.set(pattern, workedOut(pattern))
  return known.get(pattern)
}

function workedOut(pattern: Pattern): FixedSegments | undefined {
  const root = parsePattern(pattern.regex.source)
  if (!root) return undefined
  const tokens = tokensOf(root)
  const forward = segmentsOf(tokens)
  const isOpen = tokens.some(({ kind }) => kind === 'open')
  const backward = isOpen ? segmentsOf(tokens.toReversed()) : []
  const fixed = [
    ...forward.flatMap((segment, index) => fixedOf(segment, index)),
    ...backward.flatMap((segment, index) => fixedOf(reversed(segment), -1 - index)),
  ]
  if (fixed.length === 0) return undefined
  const count = isOpen ? undefined : forward.length
  const places = fixed.map(({ at, part, text }) => ({ at, part, length: part === 'whole' ? 0 : text.length }))
  const shape = places.map(({ at, part, length }) => `${at} ${part} ${length}`).join()
  return { count, places, shape: `${count}: ${shape}`, key: fixed.reduce((key, { text }) => `${key}/${text}`, '') }
}

function tokensOf(node: Node): Token[] {
  switch (node.kind) {
    case 'empty':
    case 'look':
      return []
    case 'sequence':
      return node.items.flatMap(tokensOf)
    case 'characters': {
      const { literal } = node
      if (literal === '/') return [{ kind: 'slash' }]
      // Only ASCII: other letters fold in many ways.
      if (literal !== undefined && literal <= '\x7f') return [{ kind: 'letter', text: literal.toLowerCase() }]
      return [{ kind: mayHoldSlash(node) ? 'open' : 'within' }]
    }
    case 'choice':
    case 'repeat':
    case 'backreference':
      return [{ kind: mayHoldSlash(node) ? 'open' : 'within' }]
  }
}

function mayHoldSlash(node: Node): boolean {
  switch (node.kind) {
    case 'characters':
      return (node.set & SLASH) !== 0n
    case 'sequence':
      return node.items.some(mayHoldSlash)
    case 'choice':
      return node.branches.some(mayHoldSlash)
    case 'repeat':
      return mayHoldSlash(node.body)
    case 'backreference':
      return true
    default:
      return false
  }
}

interface Fixed extends Pick<Place, 'at' | 'part'> {
  readonly text: string
}

/** Letters before and behind what is not fixed of a segment. */
interface Segment {
  readonly start: string
  readonly end: string
  readonly isWhole: boolean
}

/** The segments up to the first thing that may go beyond one; of the last of these only the start is known then. */
function segmentsOf(tokens: readonly Token[]): Segment[] {
  const segments: Segment[] = []
  let [start, end, isWhole] = ['', '', true]
  for (const token of tokens) {
    switch (token.kind) {
      case 'open':
        return [...segments, { start, end: '', isWhole: false }]
      case 'slash':
        segments.push({ start, end, isWhole })
        ;[start, end, isWhole] = ['', '', true]
        break
      case 'within':
        ;[end, isWhole] = ['', false]
        break
      case 'letter':
        if (isWhole) start += token.text
        else end += token.text
    }
  }
  return [...segments, { start, end, isWhole }]
}

function reversed({ start, end, isWhole }: Segment): Segment {
  const backwards = (text: string): string => [...text].reverse().join('')
  return isWhole
    ? { start: backwards(start), end: '', isWhole }
    : { start: backwards(end), end: backwards(start), isWhole }
}

function fixedOf({ start, end, isWhole }: Segment, at: number): Fixed[] {
  if (isWhole) return start === '' ? [] : [{ at, part: 'whole', text: start }]
  const found: Fixed[] = []
  if (start !== '') found.push({ at, part: 'start', text: start.slice(0, MAX_PART) })
  if (end !== '') found.push({ at, part: 'end', text: end.slice(-MAX_PART) })
  return found
}
