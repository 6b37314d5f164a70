/** `--replay`: requests that the recording has no answer for, and what came closest. Bounded, for a few lines at the end. */
import { explained } from '../decide/matching/explain.ts'
import type { Asked } from '../decide/matching/search.ts'
import type { ExpectationStore } from '../decide/matching/store.ts'
import { headerValue } from '../http1/response.ts'
import { redactHost, redactPath, redactQuery } from '../record/redact.ts'

export interface Misses {
  /** Takes a request that no expectation matched. */
  add(asked: Asked, store: ExpectationStore): void
  /** Lines to print; none where nothing was missed. */
  lines(): string[]
}

/** Different requests that are told one by one. */
const MAX_MISSES = 50
const MAX_CHARACTERS = 300
/** What could move a cursor. */
const CONTROLS = /\p{Cc}/gu

const printable = (text: string): string => {
  const line = text.replace(CONTROLS, '?')
  return line.length > MAX_CHARACTERS ? `${line.slice(0, MAX_CHARACTERS)}…` : line
}

const requestText = ({ method, path, query, headers }: Asked['head']): string => {
  const host = redactHost(headerValue(headers, 'host') ?? '')
  return `${method} ${host}${redactPath(path)}${query === '' ? '' : `?${redactQuery(query)}`}`
}

export const createMisses = (): Misses => {
  const known = new Map<string, { times: number; readonly why: string }>()
  let others = 0
  const whyOf = (asked: Asked, store: ExpectationStore): string => {
    const [closest] = explained(store.explain(asked), asked, 1)
    return closest ? `closest is "${closest.expectation.id}": ${closest.text}` : 'there is no expectation'
  }
  return {
    add: (asked, store) => {
      const request = printable(requestText(asked.head))
      const miss = known.get(request)
      if (miss) miss.times++
      else if (known.size >= MAX_MISSES) others++
      else known.set(request, { times: 1, why: printable(whyOf(asked, store)) })
    },
    lines: () => [
      ...[...known].map(([request, { times, why }]) => `${request}${times > 1 ? ` (${times} times)` : ''}: ${why}`),
      ...(others > 0 ? [`… and ${others} further requests`] : []),
    ],
  }
}
