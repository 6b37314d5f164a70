/** Lists: whole, or in pages of one moment. */
import type { KubeObject, Objects, Versions } from './objects.ts'
import type { Selects } from './selectors.ts'
import { continueTooOld, failure, type Status, versionTooLarge } from './status.ts'

export interface Lists {
  /** The list object, or what is wrong with the query. */
  answer(objects: Objects, query: URLSearchParams, selects: Selects): Status | object
  /** Continue tokens given out so far are too old from now on. */
  expire(): void
}

/** Items of a list have neither of the two; the list says it for them. */
const asItem = ({ kind: _, apiVersion: __, ...item }: KubeObject): object => item

export const createLists = (versions: Versions): Lists => {
  const snapshots = new Map<number, readonly KubeObject[]>()
  let tokens = 0

  const page = (kind: string, id: number, start: number, limit: number, version: string): object => {
    const all = snapshots.get(id) ?? []
    const items = all.slice(start, start + limit)
    const end = start + items.length
    const isLast = end >= all.length
    if (isLast) snapshots.delete(id)
    return {
      kind: `${kind}List`,
      apiVersion: 'v1',
      metadata: {
        resourceVersion: version,
        ...(!isLast && {
          continue: Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', id, start: end, rv: version })).toString(
            'base64url',
          ),
          remainingItemCount: all.length - end,
        }),
      },
      items: items.map(asItem),
    }
  }

  return {
    answer: ({ kind, all }, query, selects) => {
      const wanted = query.get('resourceVersion') ?? ''
      const token = query.get('continue')
      const limit = Number(query.get('limit') ?? 0)
      if (!Number.isInteger(limit) || limit < 0) return failure(400, 'limit must be a number, and not below 0')
      if (token) {
        if (wanted && wanted !== '0')
          return failure(400, 'specifying resource version is not allowed when using continue')
        try {
          const { id, start, rv } = JSON.parse(Buffer.from(token, 'base64url').toString())
          if (!snapshots.has(id)) return continueTooOld()
          return page(kind, id, start, limit || Number.MAX_SAFE_INTEGER, rv)
        } catch {
          return failure(400, 'continue key is not valid')
        }
      }
      if (wanted && !/^\d+$/.test(wanted)) return failure(400, `Invalid value: "${wanted}": resourceVersion`)
      if (Number(wanted) > versions.current) return versionTooLarge(Number(wanted), versions.current)
      tokens += 1
      snapshots.set(tokens, all().filter(selects))
      // Answered from the cache of watches, which knows no pages.
      const most = wanted === '0' || limit === 0 ? Number.MAX_SAFE_INTEGER : limit
      return page(kind, tokens, 0, most, String(versions.current))
    },
    expire: () => snapshots.clear(),
  }
}
