/** Watches: one JSON line per change that the selector lets through, and bookmarks. */
import type { Answer } from './answer.ts'
import { eventOf, type Objects, type Versions, type WatchEvent } from './objects.ts'
import type { Selects } from './selectors.ts'
import { failure, tooOld } from './status.ts'

export interface Watches {
  open(objects: Objects, query: URLSearchParams, selects: Selects, answer: Answer): void
  /** A bookmark now, to every watch of this kind that asked for them. */
  bookmark(kind?: string): void
  /** Any event, right or wrong, to every watch of this kind. */
  send(event: WatchEvent, kind?: string): void
  /** Any bytes at all, to every watch of this kind. */
  sendRaw(text: string, kind?: string): void
  /** Ends every watch in good order. */
  endAll(): void
  readonly count: number
  close(): void
}

interface Open {
  readonly kind: string
  readonly wantsBookmarks: boolean
  readonly answer: Answer
  end(): void
}

export const createWatches = (versions: Versions, bookmarkIntervalMs: number): Watches => {
  const open = new Set<Open>()
  const lineOf = (event: WatchEvent): string => `${JSON.stringify(event)}\n`
  const of = (kind: string | undefined): Open[] => [...open].filter((watch) => (kind ?? watch.kind) === watch.kind)

  const bookmarkOf = (kind: string): WatchEvent => ({
    type: 'BOOKMARK',
    object: {
      kind,
      apiVersion: 'v1',
      metadata: { resourceVersion: String(versions.current), creationTimestamp: null },
      spec: kind === 'Pod' ? { containers: null } : {},
      status: {},
    },
  })

  const bookmark = (kind?: string): void => {
    for (const watch of of(kind)) if (watch.wantsBookmarks) watch.answer.write(lineOf(bookmarkOf(watch.kind)))
  }
  const timer = setInterval(() => bookmark(), bookmarkIntervalMs)
  timer.unref()

  return {
    open: (objects, query, selects, answer) => {
      const { kind } = objects
      const from = query.get('resourceVersion') ?? ''
      if (from && !/^\d+$/.test(from)) {
        answer.head(400)
        answer.end(JSON.stringify(failure(400, `Invalid value: "${from}": resourceVersion`)))
        return
      }
      answer.head(200)
      if (from && from !== '0' && Number(from) < objects.oldest) {
        answer.end(lineOf({ type: 'ERROR', object: tooOld(Number(from), objects.oldest) }))
        return
      }
      const tell = (event: WatchEvent | undefined): void => {
        if (event) answer.write(lineOf(event))
      }
      if (from === '' || from === '0') {
        for (const object of objects.all()) if (selects(object)) tell({ type: 'ADDED', object })
      } else {
        for (const change of objects.since(Number(from))) tell(eventOf(change, selects))
      }
      const stopListening = objects.onChange((change) => tell(eventOf(change, selects)))
      const seconds = Number(query.get('timeoutSeconds') ?? 1800)
      const limit = setTimeout(() => answer.end(), seconds * 1000)
      limit.unref()
      const watch: Open = {
        kind,
        wantsBookmarks: query.get('allowWatchBookmarks') === 'true',
        answer,
        end: () => answer.end(),
      }
      open.add(watch)
      answer.onClose(() => {
        clearTimeout(limit)
        stopListening()
        open.delete(watch)
      })
    },
    bookmark,
    send: (event, kind) => {
      for (const { answer } of of(kind)) answer.write(lineOf(event))
    },
    sendRaw: (text, kind) => {
      for (const { answer } of of(kind)) answer.write(text)
    },
    endAll: () => {
      for (const watch of open) watch.end()
    },
    get count() {
      return open.size
    },
    close: () => clearInterval(timer),
  }
}
