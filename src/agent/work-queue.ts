/** Work on things by name: each at most once at a time, a few of them together, and again if asked for meanwhile. */

export interface WorkQueue {
  add(name: string): void
  /** Resolves when nothing is waiting or under way. */
  idle(): Promise<void>
  /** Takes nothing any more, forgets what waits, and resolves when what is under way has ended. */
  close(): Promise<void>
}

/** @param work must not reject */
export const createWorkQueue = (workers: number, work: (name: string) => Promise<void>): WorkQueue => {
  const waiting = new Set<string>()
  const busy = new Set<string>()
  const idlers: (() => void)[] = []
  let isClosed = false
  const next = (): void => {
    for (const name of waiting) {
      if (busy.size >= workers) break
      if (busy.has(name)) continue
      waiting.delete(name)
      busy.add(name)
      void work(name).finally(() => {
        busy.delete(name)
        next()
      })
    }
    if (busy.size === 0 && waiting.size === 0) for (const idler of idlers.splice(0)) idler()
  }
  const idle = (): Promise<void> =>
    new Promise((resolve) => {
      idlers.push(resolve)
      next()
    })
  return {
    add: (name) => {
      if (isClosed) return
      waiting.add(name)
      next()
    },
    idle,
    close: () => {
      isClosed = true
      waiting.clear()
      return idle()
    },
  }
}
