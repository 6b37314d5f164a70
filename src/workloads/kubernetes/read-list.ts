/** Reads one whole list of objects, page by page, each object as it arrives. */
import type { ApiClient } from './api-client.ts'
import type { ApiFailure, FailureKind } from './failure.ts'
import { field, fieldAt, parsed, versionOf } from './fields.ts'
import { createListScanner } from './list-scanner.ts'

/** What is listed and watched. */
export interface Listed {
  /** As in the path and in RBAC: `pods`. */
  readonly resource: string
  /** Of one object: `Pod`. */
  readonly kind: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
}

export interface ListReader {
  /** One object; what it throws goes nowhere. */
  item(object: unknown): void
  /** The list has to be read again from its beginning: what was told so far does not count. */
  restart(): void
  /** Bytes came. */
  heard(): void
}

export interface OpenList {
  /** The resource version to watch from, or why there is no list. */
  readonly over: Promise<string | ApiFailure>
  abort(): void
}

export const LIST_LIMITS = {
  itemBytes: 4 * 1024 * 1024,
  listBytes: 1024 * 1024 * 1024,
  depth: 256,
  pageItems: 500,
  pages: 2000,
  /** A list in pages is begun anew so often, where its next page is no longer to be had. */
  restarts: 2,
  idleMs: 30_000,
  totalMs: 300_000,
} as const

const MOST_TOKEN_CHARACTERS = 16 * 1024

interface Page {
  readonly version: string
  readonly token: string
}

type Result = Page | { readonly failure: ApiFailure }

/** What is the matter with the parts of a page around its items; else where it leads. */
const judge = (kind: string, ended: { readonly kind?: string; readonly metadata?: string }): Page | string => {
  const metadata = parsed(ended.metadata ?? '')
  const said = parsed(ended.kind ?? '')
  if (said !== `${kind}List`)
    return `it is not a ${kind}List but says ${JSON.stringify(said)?.slice(0, 64) ?? 'no kind'}`
  const version = versionOf({ metadata })
  if (version === undefined) return 'the list says no resource version'
  const token = field(metadata, 'continue') ?? ''
  if (typeof token !== 'string' || token.length > MOST_TOKEN_CHARACTERS) return 'its continue token is none'
  return { version, token }
}

interface OpenPage {
  readonly over: Promise<Result>
  abort(): void
}

const openPage = (
  client: ApiClient,
  { resource, kind, path, query }: Listed,
  { item, heard }: ListReader,
  more: Readonly<Record<string, string>>,
): OpenPage => {
  const { promise, resolve } = Promise.withResolvers<Result>()
  const { idleMs, totalMs } = LIST_LIMITS
  const fail = (failed: FailureKind, what: string): void => call.abort(call.failure(failed, what))
  const scanner = createListScanner(LIST_LIMITS, (text) => {
    const object = parsed(text)
    if (object === undefined) fail('malformed', 'an item of the list is not JSON')
    else item(object)
  })
  const call = client.open(
    { verb: 'list', resource, path, query: { ...query, ...more }, idleMs, totalMs },
    {
      begin: heard,
      data: (chunk) => {
        heard()
        const fault = scanner.push(chunk)
        if (fault === 'too_large') fail(fault, 'an item, or all of the list, is larger than is read')
        else if (fault) fail(fault, 'what it sends is not a list in JSON')
      },
      done: (failure) => {
        if (failure) return resolve({ failure })
        const ended = scanner.end()
        const judged = typeof ended === 'string' ? 'what it sent is not a whole list in JSON' : judge(kind, ended)
        resolve(typeof judged === 'string' ? { failure: call.failure('malformed', judged) } : judged)
      },
    },
  )
  return { over: promise, abort: () => fail('network', 'it is no longer wanted') }
}

/** `version` is `0` for whatever the server has in memory, empty for the latest. */
export const readList = (client: ApiClient, listed: Listed, version: '0' | '', reader: ListReader): OpenList => {
  const limit = String(LIST_LIMITS.pageItems)
  let page: OpenPage
  let isAborted = false
  const malformed = (what: string): ApiFailure => ({
    kind: 'malformed',
    message: `list ${listed.path}: ${what}; check what stands between the agent and the API server`,
  })

  const readAll = async (): Promise<string | ApiFailure> => {
    const first = { limit, ...(version && { resourceVersion: version }) }
    let query: Readonly<Record<string, string>> = first
    let restarts = 0
    for (let pages = 0; pages < LIST_LIMITS.pages; pages += 1) {
      if (isAborted) return { kind: 'network', message: `list ${listed.path}: it is no longer wanted` }
      page = openPage(client, listed, reader, query)
      const result = await page.over
      if ('failure' in result) {
        const isTokenTooOld = result.failure.kind === 'gone' && query !== first
        if (!isTokenTooOld || restarts === LIST_LIMITS.restarts) return result.failure
        restarts += 1
        query = first
        reader.restart()
        continue
      }
      if (result.token === '') return result.version
      if (result.token === query['continue']) return malformed('a page names itself as the next one')
      query = { limit, continue: result.token }
    }
    return malformed(`it has more than ${LIST_LIMITS.pages} pages`)
  }

  return {
    over: readAll(),
    abort: () => {
      isAborted = true
      page.abort()
    },
  }
}

/** Whether an object says it is of another kind; items of a list say none. */
export const isOfOtherKind = (object: unknown, kind: string): boolean => {
  const said = fieldAt(object, 'kind')
  return said !== undefined && said !== kind
}
