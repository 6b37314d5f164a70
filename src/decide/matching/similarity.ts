/**
 * How alike two texts are, from 0 to 1: Jaro's similarity (1989), raised for the start they have in common (Winkler
 * 1990). In time linear in their lengths.
 */
const PREFIX_WEIGHT = 0.1
const MAX_PREFIX = 4

export function similarity(one: string, other: string): number {
  if (one === other) return 1
  const jaro = jaroOf(one, other)
  let prefix = 0
  while (prefix < MAX_PREFIX && prefix < one.length && one[prefix] === other[prefix]) prefix++
  return jaro + prefix * PREFIX_WEIGHT * (1 - jaro)
}

function jaroOf(one: string, other: string): number {
  const reach = Math.max(0, Math.floor(Math.max(one.length, other.length) / 2) - 1)
  const pairs = pairsWithin(one, other, reach)
  const matches = pairs.length
  if (matches === 0) return 0
  const inOrder = pairs.map(([, at]) => at).sort((a, b) => a - b)
  // Characters that are matched, but not with the one in the same place of the other's matched ones.
  const moved = pairs.filter(([at], index) => one[at] !== other[inOrder[index] ?? -1]).length
  return (matches / one.length + matches / other.length + (matches - moved / 2) / matches) / 3
}

/**
 * Pairs of places with the same character, no further apart than `reach`: for each place of `one` the first of `other`
 * that is still free. What one place is too far right for, all later ones are too, so each list is walked once.
 */
function pairsWithin(one: string, other: string, reach: number): readonly (readonly [number, number])[] {
  const places = new Map<number, { readonly at: number[]; next: number }>()
  for (let at = 0; at < other.length; at++) {
    const code = other.charCodeAt(at)
    const known = places.get(code)
    if (known) known.at.push(at)
    else places.set(code, { at: [at], next: 0 })
  }
  const pairs: [number, number][] = []
  for (let at = 0; at < one.length; at++) {
    const list = places.get(one.charCodeAt(at))
    if (!list) continue
    while ((list.at[list.next] ?? Infinity) < at - reach) list.next++
    const found = list.at[list.next]
    if (found === undefined || found > at + reach) continue
    pairs.push([at, found])
    list.next++
  }
  return pairs
}
