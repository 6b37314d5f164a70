/** Byte classes of RFC 9110 and RFC 9112 as look-up tables: `IS_TOKEN[byte] === 1`. */

export const TAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SP = 0x20
export const COLON = 0x3a
export const SEMICOLON = 0x3b

const ALPHANUMERIC = `${between(0x30, 0x39)}${between(0x41, 0x5a)}${between(0x61, 0x7a)}`
const OBS_TEXT = between(0x80, 0xff)

/** tchar: method and field names. */
export const IS_TOKEN: Uint8Array = tableOf(`${ALPHANUMERIC}!#$%&'*+-.^_\`|~`)

/** HTAB, SP, VCHAR and obs-text: field values, reason phrases, chunk extensions. */
export const IS_VALUE: Uint8Array = tableOf(`\t${between(0x20, 0x7e)}${OBS_TEXT}`)

/** VCHAR and obs-text: request targets. Looser than RFC 3986 on purpose: clients send raw `|`, `^` and UTF-8, and a
 * proxy that stands between must not break them. Whitespace and controls, which could split a line, are out. */
export const IS_TARGET: Uint8Array = tableOf(`${between(0x21, 0x7e)}${OBS_TEXT}`)

/** reg-name: the host of an authority (RFC 3986 section 3.2.2). */
export const IS_HOST: Uint8Array = tableOf(`${ALPHANUMERIC}-._~%!$&'()*+,;=`)

/** Hexadecimal digit to its value, 255 for every other byte. */
export const HEX_VALUE: Uint8Array = hexTable()

function between(first: number, last: number): string {
  return String.fromCharCode(...Array.from({ length: last - first + 1 }, (_, i) => first + i))
}

function tableOf(members: string): Uint8Array {
  const table = new Uint8Array(256)
  for (let i = 0; i < members.length; i++) table[members.charCodeAt(i)] = 1
  return table
}

function hexTable(): Uint8Array {
  const table = new Uint8Array(256).fill(255)
  for (let value = 0; value < 16; value++) {
    const digit = value.toString(16)
    table[digit.charCodeAt(0)] = value
    table[digit.toUpperCase().charCodeAt(0)] = value
  }
  return table
}
