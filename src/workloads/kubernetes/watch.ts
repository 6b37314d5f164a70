/** One watch: a connection on which the server says what changes, until one of the two ends it. */
import type { ApiClient } from './api-client.ts'
import type { ApiFailure, FailureKind } from './failure.ts'
import { field, parsed, versionOf } from './fields.ts'
import { createLineSplitter } from './line-splitter.ts'
import type { Listed } from './read-list.ts'

export interface WatchReader {
  /** The server has taken the watch on. */
  begin(): void
  /** One change, in order. What is wrong with it that ends the watch; undefined goes on. */
  change(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: unknown): string | undefined
  /** The server has come to this version, and nothing else happened. */
  bookmark(version: string): void
  /** An event that nobody can make sense of, and that is passed over. */
  strange(what: string): void
  heard(): void
}

export interface OpenWatch {
  /** Undefined where the server ended it in good order. */
  readonly over: Promise<ApiFailure | undefined>
  abort(): void
}

export const WATCH_LIMITS = {
  /** An object may have 1.5 MiB in the store, and more as JSON. */
  lineBytes: 8 * 1024 * 1024,
  /** Bookmarks come about each minute. */
  idleMs: 90_000,
  leastSeconds: 290,
  mostSeconds: 590,
} as const

const isChange = (type: unknown): type is 'ADDED' | 'MODIFIED' | 'DELETED' =>
  type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED'

/** Watches from a version on; `seconds` is when the server is to end it. */
export const openWatch = (
  client: ApiClient,
  { resource, path, query }: Listed,
  version: string,
  seconds: number,
  reader: WatchReader,
): OpenWatch => {
  const { promise, resolve } = Promise.withResolvers<ApiFailure | undefined>()
  let isOver = false
  const end = (failure: ApiFailure): void => {
    isOver = true
    call.abort(failure)
  }
  const fail = (kind: FailureKind, what: string): void => end(call.failure(kind, what))

  const line = (text: string): void => {
    if (isOver) return
    const event = parsed(text)
    if (event === undefined) return fail('malformed', 'a line of the watch is not JSON')
    const type = field(event, 'type')
    const object = field(event, 'object')
    if (isChange(type)) {
      const fault = reader.change(type, object)
      if (fault !== undefined) fail('malformed', fault)
    } else if (type === 'BOOKMARK') {
      const reached = versionOf(object)
      if (reached === undefined) reader.strange('a bookmark says no resource version')
      else reader.bookmark(reached)
    } else if (type === 'ERROR') {
      const code = field(object, 'code')
      end(call.statusFailure(typeof code === 'number' ? code : 500, object))
    } else reader.strange('an event of a watch is of no type that there is')
  }
  const splitter = createLineSplitter(WATCH_LIMITS.lineBytes, line)

  const call = client.open(
    {
      verb: 'watch',
      resource,
      path,
      query: {
        ...query,
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: version,
        timeoutSeconds: String(seconds),
      },
      idleMs: WATCH_LIMITS.idleMs,
      // A server that does not end it in time does not have to end it: the limit is for one that forgot.
      totalMs: (seconds + WATCH_LIMITS.leastSeconds) * 1000,
    },
    {
      begin: () => {
        reader.heard()
        reader.begin()
      },
      data: (chunk) => {
        if (isOver) return
        reader.heard()
        if (!splitter.push(chunk))
          fail('too_large', `a line of the watch has more than ${WATCH_LIMITS.lineBytes} bytes`)
      },
      done: (failure) => {
        const isCut = !failure && splitter.pending > 0
        resolve(isCut ? call.failure('network', 'the watch ended in the middle of a line') : failure)
      },
    },
  )
  return { over: promise, abort: () => fail('network', 'it is no longer wanted') }
}
