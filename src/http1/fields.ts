import { COLON, CR, IS_TOKEN, IS_VALUE, LF, SP, TAB } from './bytes.ts'

/** A field section, with the fields that the codec itself acts on picked out. Several lines of one name are joined with
 * a comma (RFC 9110 section 5.3). */
export interface Fields {
  /** Name, value, name, value … as received, values trimmed. */
  readonly headers: string[]
  /** Buffer index after the blank line. */
  end: number
  host?: string
  hostLines: number
  contentLength?: string
  transferEncoding?: string
  connection?: string
  expect?: string
  upgrade?: string
}

export interface FieldFault {
  readonly status: 400 | 431
  readonly why: string
}

/**
 * Parses field lines up to and with the blank line that ends them.
 * @param buffer holds a complete section: the caller has found its end, so the scan cannot run off it.
 * @param text the latin1 text of the buffer from index `base`: names and values are cut from it, which costs one copy
 * of the head instead of one per field.
 */
export function parseFields(
  buffer: Buffer,
  from: number,
  text: string,
  base: number,
  maxHeaders: number,
): Fields | FieldFault {
  const fields: Fields = { headers: [], end: 0, hostLines: 0 }
  const headers = fields.headers
  let at = from
  for (;;) {
    let byte = buffer[at] ?? 0
    if (byte === CR && buffer[at + 1] === LF) at++
    else if (byte !== LF) {
      const nameStart = at
      while (IS_TOKEN[byte] === 1) byte = buffer[++at] ?? 0
      if (byte !== COLON || at === nameStart) return nameFault(byte, at === nameStart)
      const name = text.slice(nameStart - base, at - base)

      do byte = buffer[++at] ?? 0
      while (byte === SP || byte === TAB)
      const valueStart = at
      while (IS_VALUE[byte] === 1) byte = buffer[++at] ?? 0
      let valueEnd = at
      if (byte === CR) byte = buffer[++at] ?? 0
      if (byte !== LF) return { status: 400, why: `control character in the value of ${name}` }
      while (valueEnd > valueStart && isBlank(buffer[valueEnd - 1])) valueEnd--

      if (headers.length === maxHeaders * 2) return { status: 431, why: `more than ${maxHeaders} header fields` }
      const value = text.slice(valueStart - base, valueEnd - base)
      headers.push(name, value)
      notice(fields, name, value)
      at++
      continue
    }
    fields.end = at + 1
    return fields
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === SP || byte === TAB
}

function nameFault(byte: number, empty: boolean): FieldFault {
  if (empty && isBlank(byte)) return { status: 400, why: 'folded or indented header line' }
  if (empty && byte === COLON) return { status: 400, why: 'header line without a name' }
  if (isBlank(byte)) return { status: 400, why: 'whitespace in or after a header name' }
  if (byte === CR || byte === LF) return { status: 400, why: 'header line without a colon' }
  return { status: 400, why: 'invalid character in a header name' }
}

/** Lengths differ for all but two of the names, so most fields cost one switch and no lower-casing. */
function notice(fields: Fields, name: string, value: string): void {
  switch (name.length) {
    case 4:
      if (name.toLowerCase() !== 'host') return
      fields.hostLines++
      fields.host = value
      return
    case 6:
      if (name.toLowerCase() === 'expect') fields.expect = joined(fields.expect, value)
      return
    case 7:
      if (name.toLowerCase() === 'upgrade') fields.upgrade = joined(fields.upgrade, value)
      return
    case 10:
      if (name.toLowerCase() === 'connection') fields.connection = joined(fields.connection, value)
      return
    case 14:
      if (name.toLowerCase() === 'content-length') fields.contentLength = joined(fields.contentLength, value)
      return
    case 17:
      if (name.toLowerCase() === 'transfer-encoding') fields.transferEncoding = joined(fields.transferEncoding, value)
      return
    default:
  }
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`
}

/** Whether a comma-separated list holds a token. `lowerToken` is lower case. */
export function listHas(list: string | undefined, lowerToken: string): boolean {
  if (list === undefined || list.length < lowerToken.length) return false
  const lower = list.toLowerCase()
  if (lower === lowerToken) return true
  return lower.includes(',') && lower.split(',').some((item) => item.trim() === lowerToken)
}
