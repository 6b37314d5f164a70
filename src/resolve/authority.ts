import type { Named } from '../flow.ts'
import { plainAddress } from './plain-address.ts'

const AUTHORITY = /^(?:\[([0-9a-fA-F:.]+)\]|([^:@/?#[\]\s]+))(?::(\d{0,5}))?$/

/** The requests of a connection, and mostly all of them, name the same one. */
let lastText: string | undefined
let lastNamed: Named | undefined

/** What a Host header or `:authority` names (RFC 3986 3.2); undefined where it names nothing, or has a userinfo. */
export const parseAuthority = (authority: string | undefined): Named | undefined => {
  if (authority !== lastText) {
    lastNamed = parse(authority)
    lastText = authority
  }
  return lastNamed
}

const parse = (authority: string | undefined): Named | undefined => {
  const [, literal, name, digits] = AUTHORITY.exec(authority ?? '') ?? []
  const address = literal ?? name
  if (address === undefined) return undefined
  if (!digits) return { address: plainAddress(address) }
  const port = Number(digits)
  return port < 1 || port > 65535 ? undefined : { address: plainAddress(address), port }
}
