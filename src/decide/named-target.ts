import type { ForwardTo } from '../action.ts'
import { parseAuthority } from '../resolve/authority.ts'

/** Whom a Host header names, as the target of a request; undefined where it names nobody. */
export const namedTarget = (host: string | undefined, isSecure: boolean): ForwardTo | undefined => {
  const named = parseAuthority(host)
  if (!named) return undefined
  const { address, port = isSecure ? 443 : 80 } = named
  return isSecure ? { address, port, isSecure } : { address, port }
}
