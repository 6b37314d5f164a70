/**
 * How much a regular expression can backtrack, worked out from its text. JavaScript's engine tries every way of
 * splitting the subject between the parts of a pattern, so the parts where one next character leaves two choices are
 * what costs: `[^/]+/` leaves none, `.*x` one per position, `(a+)+` exponentially many.
 */
import { ANY, type CharacterSet, firstOf, isNullable, NONE, type Node } from './pattern-tree.ts'

/**
 * A failing match of a subject of n characters takes at most about `ways` × n^`degree` / `degree`! steps. An infinite
 * degree means exponential.
 */
export interface Cost {
  readonly degree: number
  readonly ways: number
}

/** What a part of a pattern adds. */
interface Share {
  /** Repetitions whose end the next character does not tell: n ends to try for each. Infinite means exponential. */
  readonly loose: number
  /** Choices tried whatever the subject's length. */
  readonly ways: number
  /** Has a repetition that runs over the subject once, deterministically. */
  readonly isLong: boolean
  /** Such a run is started anew by each try of a loose repetition before it. */
  readonly isRerun: boolean
}

const FREE: Share = { loose: 0, ways: 1, isLong: false, isRerun: false }

/** The cost of matching a whole subject against `root`. */
export function costOf(root: Node): Cost {
  const { loose, ways, isRerun } = walk(root, NONE)
  return { degree: Math.max(1, loose + Number(isRerun)), ways }
}

/** `follow`: the characters that may come right after `node`. */
function walk(node: Node, follow: CharacterSet): Share {
  switch (node.kind) {
    case 'sequence':
      return walkSequence(node.items, follow)
    case 'choice':
      return walkChoice(node.branches, follow)
    case 'repeat':
      return walkRepeat(node, follow)
    case 'look':
      return walk(node.body, ANY)
    default:
      return FREE
  }
}

function walkSequence(items: readonly Node[], follow: CharacterSet): Share {
  let cost = FREE
  let next = follow
  for (const item of items.toReversed()) {
    cost = both(walk(item, next), cost)
    next = firstOf(item) | (isNullable(item) ? next : NONE)
  }
  return cost
}

function walkChoice(branches: readonly Node[], follow: CharacterSet): Share {
  let cost = FREE
  let seen = NONE
  let isAmbiguous = false
  for (const branch of branches) {
    const first = firstOf(branch) | (isNullable(branch) ? follow : NONE)
    isAmbiguous ||= (first & seen) !== NONE
    seen |= first
    cost = both(walk(branch, follow), cost)
  }
  return isAmbiguous ? { ...cost, ways: cost.ways * branches.length } : cost
}

function walkRepeat(node: Extract<Node, { kind: 'repeat' }>, follow: CharacterSet): Share {
  if (node.max === 0) return FREE
  const first = firstOf(node.body)
  const inner = walk(node.body, node.max > 1 ? first | follow : follow)
  // Whether another round or what follows comes next shows in the next character, unless both may begin with it.
  const isLoose = (first & follow) !== NONE
  if (node.max === Infinity) {
    if (inner.loose > 0 || inner.ways > 1) return { ...inner, loose: Infinity }
    // Dot-star at the very end takes all there is and cannot fail.
    const isLong = !isLoose && !(follow === NONE && node.body.kind === 'characters' && first === ANY)
    return { ...FREE, loose: Number(isLoose), isLong: isLong || inner.isLong }
  }
  const rounds = isLoose ? node.max - node.min + 1 : 1
  const loose = inner.loose === 0 ? 0 : inner.loose * node.max
  return { ...inner, loose, ways: inner.ways ** node.max * rounds }
}

function both(left: Share, right: Share): Share {
  return {
    loose: left.loose + right.loose,
    ways: left.ways * right.ways,
    isLong: left.isLong || right.isLong,
    isRerun: left.isRerun || right.isRerun || (left.loose > 0 && right.isLong),
  }
}
