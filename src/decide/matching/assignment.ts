/**
 * Whether each of `required` things can be given an `available` thing of its own that `accepts` it: two required
 * values need two distinct entries. Augmenting paths (Kuhn 1955), because taking the first that fits can fail where
 * another choice succeeds. Recursion is at most `required` deep.
 */
export function canAssign(
  required: number,
  available: number,
  accepts: (required: number, available: number) => boolean,
): boolean {
  if (required > available) return false
  const takers = new Int32Array(available).fill(-1)
  // The round in which an available thing was last tried; saves clearing a list of them each round.
  const triedIn = new Int32Array(available).fill(-1)
  const place = (item: number, round: number): boolean => {
    for (let step = 0; step < available; step++) {
      // Lists mostly come in the order they are asked for, so the same position is tried first.
      const entry = (item + step) % available
      if (triedIn[entry] === round || !accepts(item, entry)) continue
      triedIn[entry] = round
      const taker = takers[entry] ?? -1
      if (taker === -1 || place(taker, round)) {
        takers[entry] = item
        return true
      }
    }
    return false
  }
  for (let item = 0; item < required; item++) if (!place(item, item)) return false
  return true
}

/** `accepts` that asks about each pair once; for answers that are costly. Beyond a million pairs it asks again. */
export function rememberedPairs(
  required: number,
  available: number,
  accepts: (required: number, available: number) => boolean,
): (required: number, available: number) => boolean {
  if (required * available > 1_000_000) return accepts
  const known = new Uint8Array(required * available)
  return (wanted, at) => {
    const place = wanted * available + at
    if (known[place] === 0 || known[place] === undefined) known[place] = accepts(wanted, at) ? 2 : 1
    return known[place] === 2
  }
}
