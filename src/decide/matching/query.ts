/**
 * Splits a raw query (without `?`) into name, value, name, value … and decodes both: `+` is a space, `%XX` is UTF-8.
 * A part that is not valid percent-encoding is kept as it was sent, so that it can still be matched literally.
 */
export function parseQuery(query: string): readonly string[] {
  const entries: string[] = []
  for (let start = 0; start < query.length; ) {
    const next = query.indexOf('&', start)
    const end = next === -1 ? query.length : next
    if (end > start) {
      const part = query.slice(start, end)
      const equals = part.indexOf('=')
      if (equals === -1) entries.push(decodeQueryText(part), '')
      else entries.push(decodeQueryText(part.slice(0, equals)), decodeQueryText(part.slice(equals + 1)))
    }
    start = end + 1
  }
  return entries
}

/** Percent-decoded, with `+` as a space; as it was sent where that is not valid. */
export function decodeQueryText(text: string): string {
  if (!text.includes('+') && !text.includes('%')) return text
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
