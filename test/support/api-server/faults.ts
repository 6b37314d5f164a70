/** What a test can make the API server do wrong. */
import type { ServerResponse } from 'node:http'

export type Fault =
  /** A status of its own, with a Status object or any other body. */
  | {
      readonly kind: 'status'
      readonly code: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: unknown
    }
  /** Nothing is ever answered. */
  | { readonly kind: 'hang' }
  /** The head of a good answer, and nothing after it. */
  | { readonly kind: 'hang-after-head' }
  /** 200 with these bytes; `contentLength` may lie. */
  | { readonly kind: 'body'; readonly body: string; readonly contentLength?: number }
  /** 200 with this text over and over, until the client leaves. */
  | { readonly kind: 'endless'; readonly first?: string; readonly text: string }
  /** The right answer, but the connection is reset after so many bytes of it. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** The right answer, a few bytes at a time. */
  | { readonly kind: 'trickle'; readonly bytes: number; readonly everyMs: number }
  /** The connection is reset instead of an answer. */
  | { readonly kind: 'reset' }

export interface Misbehaviour {
  /** Any where it is left out. */
  readonly verb?: string
  readonly resource?: string
  /** How many requests it happens to; 1 unless told. */
  readonly times?: number
  /** Requests that fit and are answered well before that; none unless told. */
  readonly skip?: number
  readonly fault: Fault
}

export interface Faults {
  add(misbehaviour: Misbehaviour): void
  clear(): void
  /** The fault for this request, which is used up by it. */
  take(verb: string, resource: string): Fault | undefined
}

export const createFaults = (): Faults => {
  let left: { readonly rule: Misbehaviour; times: number; skip: number }[] = []
  return {
    add: (rule) => void left.push({ rule, times: rule.times ?? 1, skip: rule.skip ?? 0 }),
    clear: () => {
      left = []
    },
    take: (verb, resource) => {
      const found = left.find(
        ({ rule, times }) => times > 0 && (rule.verb ?? verb) === verb && (rule.resource ?? resource) === resource,
      )
      if (!found) return undefined
      if (found.skip > 0) {
        found.skip -= 1
        return undefined
      }
      found.times -= 1
      return found.rule.fault
    },
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }

const pour = (response: ServerResponse, text: string): void => {
  const more = (): void => {
    while (!response.destroyed && response.write(text)) {
      // until the socket is full
    }
  }
  response.on('drain', more)
  more()
}

/** Sends the answers that are wrong as a whole; false leaves the request to be answered after all. */
export const misanswer = (fault: Fault, response: ServerResponse): boolean => {
  switch (fault.kind) {
    case 'status': {
      const body = typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body ?? {})
      response.writeHead(fault.code, { ...JSON_TYPE, ...fault.headers }).end(body)
      return true
    }
    case 'hang':
      return true
    case 'hang-after-head':
      response.writeHead(200, JSON_TYPE).flushHeaders()
      return true
    case 'body': {
      const { body, contentLength } = fault
      response.writeHead(200, { ...JSON_TYPE, ...(contentLength && { 'content-length': contentLength }) })
      response.strictContentLength = false
      response.end(body)
      if (contentLength) response.socket?.end()
      return true
    }
    case 'endless':
      response.writeHead(200, JSON_TYPE).write(fault.first ?? '')
      pour(response, fault.text)
      return true
    case 'reset':
      response.socket?.resetAndDestroy()
      return true
    case 'cut':
    case 'trickle':
      return false
  }
}
