/** Tells when something in a folder has changed and come to rest: by inotify where there is any, and by looking now and then. */
import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename } from 'node:path'

/** Runs something later; what it returns cancels that. */
export type After = (ms: number, run: () => void) => () => void

export interface WatchOptions {
  /** It may not be there yet, go, and come again. */
  readonly folder: string
  /** What tells one state of what is watched from another; must not throw. */
  readonly stamp: () => string
  /** How often is looked, in milliseconds; the only way where the system has no watches left. */
  readonly pollMs: number
  /** How long a state has to stay the same, in milliseconds: what is written bit by bit is not final before. */
  readonly settleMs: number
  /** The stamp is another one than when it was called last, or than at the start. */
  readonly changed: () => void
  /** The clock, for tests. */
  readonly after?: After
  /** False: only by looking. */
  readonly withInotify?: boolean
}

export interface Watch {
  close(): void
}

/** After so many rounds something that never rests is taken as it is. */
const MAX_ROUNDS = 50

const realAfter: After = (ms, run) => {
  const timer = setTimeout(run, ms)
  timer.unref()
  return () => clearTimeout(timer)
}

/** Tells one life of a folder from the next; undefined where there is none. */
const lifeOf = (folder: string): string | undefined => {
  try {
    const { dev, ino, birthtimeNs } = statSync(folder, { bigint: true })
    return `${dev}:${ino}:${birthtimeNs}`
  } catch {
    return undefined
  }
}

/** An inotify watch that is made anew when the folder is another one. */
const createNotices = (folder: string, noticed: () => void) => {
  let watcher: FSWatcher | undefined
  let life: string | undefined
  const detach = (): void => {
    watcher?.close()
    watcher = undefined
    life = undefined
  }
  const attach = (): void => {
    const now = lifeOf(folder)
    if (watcher && now === life) return
    detach()
    if (now === undefined) return
    try {
      watcher = watch(folder, { persistent: false }, (kind, name) => {
        // The folder itself has gone or moved: its number may be another folder's soon.
        if (kind === 'rename' && name === basename(folder)) detach()
        noticed()
      })
      watcher.on('error', detach)
      life = now
    } catch {
      detach() // no watches left, or gone again: looking now and then does
    }
  }
  return { attach, detach }
}

/** Watches until it is closed. Never keeps the process alive. */
export const watchFolder = (options: WatchOptions): Watch => {
  const { stamp, pollMs, settleMs, changed, after = realAfter } = options
  let seen = stamp()
  let pending: string | undefined
  let rounds = 0
  let cancelSettle: (() => void) | undefined

  const rest = (): void => {
    pending = undefined
    rounds = 0
  }
  const settle = (): void => {
    cancelSettle = undefined
    const now = stamp()
    if (now === seen) return rest()
    if (now !== pending && ++rounds < MAX_ROUNDS) {
      pending = now
      cancelSettle = after(settleMs, settle)
      return
    }
    seen = now
    rest()
    changed()
  }
  const noticed = (): void => {
    cancelSettle ??= after(settleMs, settle)
  }
  const notices = createNotices(options.folder, noticed)
  const look = (): void => {
    if (options.withInotify !== false) notices.attach()
    if (stamp() !== seen) noticed()
    cancelLook = after(pollMs, look)
  }
  let cancelLook = (): void => {}
  look()
  return {
    close: () => {
      cancelLook()
      cancelSettle?.()
      notices.detach()
    },
  }
}
