/** Expectations from a folder that is read again when it changes, such as a mounted ConfigMap. */
import type { Expectation } from '../decide/matching/expectation.ts'
import { type After, watchFolder } from '../watch-folder.ts'
import { type Listing, listFolder } from './folder-listing.ts'
import { type FileCache, type FolderContent, readFolder } from './read-folder.ts'

export interface FolderLimits {
  /** Entries of any kind that are looked at. */
  readonly entries: number
  /** Files that hold expectations. */
  readonly files: number
  readonly fileBytes: number
  readonly totalBytes: number
  readonly expectations: number
}

export interface FolderOptions {
  readonly path: string
  /** All expectations that the folder holds now; called after a change, and not for what it held when it was opened. */
  readonly onChange: (expectations: readonly Expectation[]) => void
  /**
   * Why the last good state stays, one problem a line, at most 100 of them; also for the state it is opened in.
   * @param isUnreadable the folder cannot be listed at all
   */
  readonly onError: (problems: string, isUnreadable: boolean) => void
  /** What was left out, one a line; not said again while it is the same. */
  readonly onWarning?: (warnings: string) => void
  readonly limits?: Partial<FolderLimits>
  readonly pollMs?: number
  readonly settleMs?: number
  readonly after?: After
  readonly withInotify?: boolean
}

export interface ExpectationFolder {
  /** The last good state; nothing before there was one. */
  current(): readonly Expectation[]
  /** What is wrong with the present one, as `onError` was told. */
  trouble(): string | undefined
  close(): void
}

/** A ConfigMap holds at most 1 MiB. */
export const FOLDER_LIMITS: FolderLimits = {
  entries: 4096,
  files: 256,
  fileBytes: 1024 * 1024,
  totalBytes: 16 * 1024 * 1024,
  expectations: 100_000,
}
const POLL_MS = 10_000
const SETTLE_MS = 100
/** A folder that changes while it is opened is read anew, so often. */
const ATTEMPTS = 3

/** Reads the folder, before it returns, and from then on whenever it changes: one file between two turns of the loop. */
export function openExpectationFolder(options: FolderOptions): ExpectationFolder {
  const { path } = options
  const limits = { ...FOLDER_LIMITS, ...options.limits }
  const list = (): Listing => listFolder(path, limits)
  let current: readonly Expectation[] = []
  let cache: FileCache = new Map()
  let trouble: string | undefined
  let warned = ''
  let isClosed = false
  let reading: Generator<undefined, FolderContent> | undefined

  const take = ({ warnings, isUnreadable }: Listing, content: FolderContent): boolean => {
    const told = warnings.join('\n')
    if (told !== warned && told !== '') options.onWarning?.(told)
    warned = told
    if ('problems' in content) {
      trouble = content.problems.join('\n')
      options.onError(trouble, isUnreadable)
      return false
    }
    trouble = undefined
    current = content.expectations
    cache = content.cache
    return true
  }
  const readAtOnce = (): void => {
    for (let attempt = 1; ; attempt++) {
      const listing = list()
      const content = finished(readFolder(path, listing, limits, cache))
      if (attempt < ATTEMPTS && list().stamp !== listing.stamp) continue
      take(listing, content)
      return
    }
  }
  const readInTurns = (): void => {
    const listing = list()
    const mine = readFolder(path, listing, limits, cache)
    reading = mine
    const step = (): void => {
      if (isClosed || reading !== mine) return
      const { done, value } = mine.next()
      if (!done) {
        setImmediate(step)
        return
      }
      // Files of two states together are no state: the change that came meanwhile is told too.
      if (list().stamp === listing.stamp && take(listing, value)) options.onChange(current)
    }
    step()
  }

  const stamp = (): string => list().stamp
  const { after, withInotify, pollMs = POLL_MS, settleMs = SETTLE_MS } = options
  const watch = watchFolder({
    ...{ folder: path, stamp, pollMs, settleMs, changed: readInTurns },
    ...(after ? { after } : {}),
    ...(withInotify === undefined ? {} : { withInotify }),
  })
  readAtOnce()
  return {
    current: () => current,
    trouble: () => trouble,
    close: () => {
      isClosed = true
      watch.close()
    },
  }
}

function finished<T>(work: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}
