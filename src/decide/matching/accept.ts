/** `accept:application/json` as a value: content negotiation (RFC 9110 12.5.1) instead of a comparison of text. */

interface MediaType {
  readonly type: string
  readonly subtype: string
}

interface MediaRange extends MediaType {
  readonly quality: number
}

const PREFIX = /^accept:(?=\s*\S)/i
const QUALITY = /;\s*q\s*=\s*([^;\s]*)/i

/** A test of `accept` headers for what stands behind `accept:`; undefined where `value` does not begin so. */
export function acceptTest(value: string): ((header: string) => boolean) | undefined {
  if (!PREFIX.test(value)) return undefined
  const wanted = mediaType(value.slice('accept:'.length))
  return (header) => wanted !== undefined && isAccepted(wanted, header)
}

/** Whether the range that names the type most exactly has a quality above 0; the best of several as exact. */
function isAccepted(wanted: MediaType, header: string): boolean {
  let exactness = -1
  let quality = 0
  for (const part of header.split(',')) {
    const range = mediaRange(part)
    if (!range || !includes(range, wanted)) continue
    const its = Number(range.type !== '*') + Number(range.subtype !== '*')
    if (its < exactness || (its === exactness && range.quality <= quality)) continue
    exactness = its
    quality = range.quality
  }
  return quality > 0
}

function includes(range: MediaRange, { type, subtype }: MediaType): boolean {
  return (range.type === '*' || range.type === type) && (range.subtype === '*' || range.subtype === subtype)
}

function mediaRange(part: string): MediaRange | undefined {
  const named = mediaType(part)
  if (!named || (named.type === '*' && named.subtype !== '*')) return undefined
  const given = QUALITY.exec(part)?.[1]
  const quality = given === undefined || given === '' ? 1 : Number(given)
  return { ...named, quality: Number.isNaN(quality) ? 1 : Math.min(1, Math.max(0, quality)) }
}

/** Its parameters do not count. */
function mediaType(text: string): MediaType | undefined {
  const [type, subtype, ...rest] = (text.split(';')[0] ?? '')
    .toLowerCase()
    .split('/')
    .map((part) => part.trim())
  return type && subtype && rest.length === 0 ? { type, subtype } : undefined
}
