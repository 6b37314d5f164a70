import { HEX_VALUE, IS_HOST } from './bytes.ts'

/** A request target, taken apart. `host` is the authority, for the two forms that carry one. */
export interface Target {
  readonly path: string
  readonly query: string
  readonly host?: string
}

/**
 * The four forms of RFC 9112 section 3.2: authority-form only for CONNECT, `*` only for OPTIONS. Returns why not as a
 * string. The bytes themselves (no whitespace, no controls) are checked by the caller.
 */
export function parseTarget(method: string, target: string): Target | string {
  if (method === 'CONNECT') {
    const colon = target.lastIndexOf(':')
    const valid = colon > Math.max(0, target.indexOf(']')) && colon < target.length - 1 && isAuthority(target)
    return valid ? { path: '/', query: '', host: target } : 'CONNECT needs host:port'
  }
  if (target.charCodeAt(0) === 0x2f) return splitQuery(target)
  if (target === '*') return method === 'OPTIONS' ? { path: '/', query: '' } : 'target * is for OPTIONS only'
  const schemeEnd = target.indexOf('://')
  if (schemeEnd < 1 || !/^[a-z][a-z0-9+.-]*$/i.test(target.slice(0, schemeEnd)))
    return 'target is neither a path nor a URL'
  const start = schemeEnd + 3
  const found = target.slice(start).search(/[/?#]/)
  const end = found < 0 ? target.length : start + found
  const host = target.slice(start, end)
  // Userinfo is refused with the rest: RFC 9110 section 4.2.4 wants it treated as an error.
  if (!isAuthority(host) || host.startsWith(':')) return 'invalid authority in the target'
  const rest = target.slice(end)
  return { ...splitQuery(rest.startsWith('/') ? rest : `/${rest}`), host }
}

function splitQuery(target: string): { path: string; query: string } {
  const mark = target.indexOf('?')
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) }
}

/** Whether `value` is `host` or `host:port` (RFC 3986 section 3.2), host not empty, without userinfo. The port may be
 * empty, as the grammar allows, and at most 65535. */
export function isAuthority(value: string): boolean {
  const hostEnd = value.startsWith('[') ? literalEnd(value) : nameEnd(value)
  if (hostEnd < 1) return false
  if (hostEnd === value.length) return true
  if (value.charCodeAt(hostEnd) !== 0x3a || value.length - hostEnd > 6) return false
  for (let i = hostEnd + 1; i < value.length; i++) {
    if ((HEX_VALUE[value.charCodeAt(i)] ?? 255) > 9) return false
  }
  return Number(value.slice(hostEnd + 1)) <= 65535
}

function nameEnd(value: string): number {
  let at = 0
  while (IS_HOST[value.charCodeAt(at)] === 1) at++
  return at
}

/** Index after the `]` of an IP literal, 0 where it is malformed. A zone (`%25eth0`) is let through. */
function literalEnd(value: string): number {
  const end = value.indexOf(']')
  return end > 1 && /^[0-9a-z:.%_~-]+$/i.test(value.slice(1, end)) ? end + 1 : 0
}
