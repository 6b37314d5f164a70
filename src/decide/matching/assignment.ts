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
