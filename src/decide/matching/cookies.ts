/**
 * The cookies of a request: name, value, name, value … A value in quotes loses them (RFC 6265 4.1.1 allows both). Of
 * several of one name the first counts: it is the one whose path fits best (5.4).
 */
export function parseCookies(headers: readonly string[]): readonly string[] {
  const cookies: string[] = []
  const seen = new Set<string>()
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.length !== 6 || headers[at]?.toLowerCase() !== 'cookie') continue
    for (const part of (headers[at + 1] ?? '').split(';')) {
      const equals = part.indexOf('=')
      const name = part.slice(0, equals === -1 ? 0 : equals).trim()
      if (name === '' || seen.has(name)) continue
      seen.add(name)
      const value = part.slice(equals + 1).trim()
      cookies.push(name, /^".*"$/s.test(value) && value.length > 1 ? value.slice(1, -1) : value)
    }
  }
  return cookies
}
