/**
 * Whether somebody may call the API. A web page that is open on this machine can send requests to it: not from another
 * origin than those that are named, and not under a name that its owner has pointed here (DNS rebinding).
 */
import { isIP } from 'node:net'
import type { RequestHead } from '../flow.ts'
import { createHostRule, hostNameOf, isLocalName } from '../http1/host-names.ts'
import { headerValue } from '../http1/response.ts'
import { type Reply, text } from './reply.ts'

export interface CallerRules {
  /** Origins beside those of this machine; `*` for any. */
  readonly origins: readonly string[]
  /** Names beside addresses and localhost that a GET may be sent to; `*` for any, `.x` for all below x. */
  readonly hosts: readonly string[]
  /** Whether the value of an Authorization header will do; undefined where none is asked for. */
  readonly isAuthorized: ((authorization: string | undefined) => boolean) | undefined
}

export interface Callers {
  /** The refusal, if it is one. `isOpen`: no token is asked for. */
  refuse(head: RequestHead, isOpen: boolean): Reply | undefined
  /** The origin that the answer may be read by. */
  originOf(head: RequestHead): string | undefined
}

const isLoopback = (name: string): boolean =>
  isLocalName(name) || name === '[::1]' || (isIP(name) === 4 && name.startsWith('127.'))

const isLoopbackOrigin = (origin: string): boolean => {
  const [, host] = /^https?:\/\/([^/?#@]+)$/i.exec(origin) ?? []
  return host !== undefined && isLoopback(hostNameOf(host))
}

export const createCallers = ({ origins, hosts, isAuthorized }: CallerRules): Callers => {
  const known = new Set(origins.map((origin) => origin.toLowerCase()))
  const isOurs = createHostRule(hosts)
  // HTTP/1.0 has none; a browser always sends it.
  const isKnownHost = (host: string | undefined): boolean => host === undefined || host === '' || isOurs(host)
  const isKnownOrigin = (origin: string): boolean =>
    known.has('*') || known.has(origin.toLowerCase()) || isLoopbackOrigin(origin)

  return {
    refuse: ({ method, host, headers }, isOpen) => {
      // Every other method a page sends with its Origin, which is judged below (Fetch standard, "append a request Origin").
      if (method === 'GET' && !isOpen && !isKnownHost(host)) {
        return text(403, 'the Host header names neither an address nor localhost nor one of controlHosts')
      }
      const origin = headerValue(headers, 'origin')
      if (origin !== undefined && !isKnownOrigin(origin)) {
        return text(403, 'the Origin is neither of this machine nor one of controlCorsOrigins')
      }
      if (isOpen || !isAuthorized || isAuthorized(headerValue(headers, 'authorization'))) return undefined
      const asked = ['www-authenticate', 'Bearer realm="understudy"']
      return { ...text(401, 'a token is asked for: Authorization: Bearer …, see controlTokenFile'), headers: asked }
    },
    originOf: ({ headers }) => {
      const origin = headerValue(headers, 'origin')
      return origin !== undefined && isKnownOrigin(origin) ? origin : undefined
    },
  }
}
