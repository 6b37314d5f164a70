import type { Endpoint } from '../flow.ts'
import { parseAuthority } from './authority.ts'

/** The endpoint that a Host header or authority names (RFC 3986 3.2); undefined when it names none. */
export const namedEndpoint = (authority: string | undefined, defaultPort: number): Endpoint | undefined => {
  const named = parseAuthority(authority)
  return named && { address: named.address, port: named.port ?? defaultPort }
}
