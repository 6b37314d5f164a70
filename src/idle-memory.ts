/**
 * Hands memory back when traffic has paused. V8 collects its old generation only when that has grown to a multiple of
 * what is alive; after many short connections that is tens of megabytes of sockets long closed.
 */

/** Less work than this leaves nothing worth a collection. */
const MIN_WORK = 1000
/** Seconds between two collections: each throws away what the compiler has learned, so bursts must not cause one each. */
const MIN_PAUSE_S = 10

export interface IdleMemory {
  /** Called about once a second. */
  tick(): void
}

/** V8 keeps the pages of a plain collection for the next allocation; only its last resort lets go of them. */
const collectGarbage = (): void => {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}

/**
 * @param work a count that grows with everything done
 * @param release gives back what was allocated outside of V8
 */
export const createIdleMemory = (work: () => number, release: () => void = () => undefined): IdleMemory => {
  let seen = 0
  let sinceLast = MIN_PAUSE_S
  let collected = -MIN_WORK // what the start has left is worth one
  return {
    tick: () => {
      const done = work()
      const isQuiet = done === seen
      seen = done
      sinceLast++
      if (!isQuiet || sinceLast < MIN_PAUSE_S || done - collected < MIN_WORK) return
      sinceLast = 0
      collected = done
      collectGarbage()
      release()
    },
  }
}
