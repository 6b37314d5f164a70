/** Form data in parts (RFC 7578), as far as matching needs it: what each part is named, holds and says of itself. */

/** Each is name, value, name, value …, in the order of the parts. */
export interface MultipartForm {
  /** What the parts hold, read as UTF-8. */
  readonly fields: readonly string[]
  readonly filenames: readonly string[]
  readonly partContentTypes: readonly string[]
}

const MAX_PARTS = 1000
const MAX_HEAD_BYTES = 16_384
const MAX_BOUNDARY = 70

/**
 * Undefined when the content type is not `multipart/form-data` with a boundary of at most 70 characters, the body does
 * not end with the closing boundary, a part has no name, or there are more than 1000 parts.
 */
export function parseMultipart(bytes: Buffer, contentType: string | undefined): MultipartForm | undefined {
  const boundary = boundaryOf(contentType)
  if (boundary === undefined) return undefined
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
  const first = delimiter.subarray(2)
  const form = { fields: [] as string[], filenames: [] as string[], partContentTypes: [] as string[] }
  let at = bytes.subarray(0, first.length).equals(first) ? first.length : afterDelimiter(bytes, delimiter, 0)
  for (let count = 0; at !== -1 && count <= MAX_PARTS; count++) {
    if (bytes.toString('latin1', at, at + 2) === '--') return form
    const start = bytes.indexOf('\r\n', at)
    // Only white space may stand behind a boundary (RFC 2046 5.1.1).
    if (start === -1 || bytes.toString('latin1', at, start).trim() !== '') return undefined
    const end = bytes.indexOf(delimiter, start)
    if (end === -1 || !addPart(form, bytes.subarray(start, end))) return undefined
    at = end + delimiter.length
  }
  return undefined
}

function afterDelimiter(bytes: Buffer, delimiter: Buffer, from: number): number {
  const at = bytes.indexOf(delimiter, from)
  return at === -1 ? -1 : at + delimiter.length
}

function boundaryOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !/^\s*multipart\/form-data\s*;/i.test(contentType)) return undefined
  const match = /;\s*boundary=(?:"([^"]*)"|([^\s;]*))/i.exec(contentType)
  const boundary = match?.[1] ?? match?.[2] ?? ''
  return boundary !== '' && boundary.length <= MAX_BOUNDARY ? boundary : undefined
}

/** `part` begins with the line end after its boundary; its head ends at the first empty line. */
function addPart(form: { fields: string[]; filenames: string[]; partContentTypes: string[] }, part: Buffer): boolean {
  const headEnd = part.indexOf('\r\n\r\n')
  if (headEnd === -1 || headEnd > MAX_HEAD_BYTES) return false
  const head = part.toString('utf8', 0, headEnd)
  const disposition = /^content-disposition:(.*)$/im.exec(head)?.[1] ?? ''
  const name = parameter(disposition, 'name')
  if (name === undefined) return false
  form.fields.push(name, part.toString('utf8', headEnd + 4))
  const filename = parameter(disposition, 'filename')
  if (filename !== undefined) form.filenames.push(name, filename)
  const type = /^content-type:(.*)$/im.exec(head)?.[1]?.trim()
  if (type !== undefined) form.partContentTypes.push(name, type)
  return true
}

/** Browsers write `"` as `%22`, others with a backslash; both are read. */
function parameter(disposition: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"((?:\\\\.|[^"\\\\])*)"|([^\\s;"]+))`, 'i').exec(disposition)
  if (!match) return undefined
  return match[1] === undefined ? match[2] : match[1].replace(/\\(.)/gs, '$1').replaceAll('%22', '"')
}
