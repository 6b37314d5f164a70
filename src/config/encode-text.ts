/** Text as bytes, in the charset that a content type names. */

const CHARSET = /;\s*charset\s*=\s*"?([^\s";]+)/i
const UTF_8 = /^utf-?8$/i
const LATIN1 = /^(?:iso-?8859-1|latin1|windows-1252|cp1252)$/i
/** Without saying which byte comes first, it is the higher one (RFC 2781 4.3). */
const UTF_16_BE = /^utf-?16(?:be)?$/i
const UTF_16_LE = /^utf-?16le$/i

/** What latin1 and windows-1252 have in common. */
const isLatin1 = (text: string): boolean => /^[\p{ASCII}\xa0-\xff]*$/u.test(text)
const isAscii = (text: string): boolean => /^\p{ASCII}*$/u.test(text)

/** UTF-8 where none is named. */
export const encodeText = (
  text: string,
  contentType: string | undefined,
): { readonly bytes: Buffer } | { readonly problem: string } => {
  const charset = CHARSET.exec(contentType ?? '')?.[1]
  if (charset === undefined || UTF_8.test(charset)) return { bytes: Buffer.from(text) }
  if (UTF_16_LE.test(charset)) return { bytes: Buffer.from(text, 'utf16le') }
  if (UTF_16_BE.test(charset)) return { bytes: Buffer.from(text, 'utf16le').swap16() }
  if (LATIN1.test(charset)) {
    return isLatin1(text)
      ? { bytes: Buffer.from(text, 'latin1') }
      : { problem: `the text has characters that ${charset} has not` }
  }
  // Every charset that is left and in use has ASCII in it.
  if (isAscii(text)) return { bytes: Buffer.from(text) }
  return { problem: `text in ${charset} is not supported; give base64Bytes` }
}
