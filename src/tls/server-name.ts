const MAX_NAME_CHARS = 255
/** Letters, digits, hyphen and, though DNS forbids it for hosts, underscore. */
const LABEL = /^[a-z0-9_-]{1,63}$/i
/** What `inet_aton` and URLs take for a number: a name that ends in one is an address in disguise (`127.1`). */
const NUMBER = /^(?:\d+|0x[0-9a-f]*)$/i

/**
 * The host name that an SNI names, without its trailing dot; undefined where it is none. RFC 6066 3 permits no IP
 * literals, in any spelling.
 */
export const serverNameOf = (text: string): string | undefined => {
  const name = text.endsWith('.') ? text.slice(0, -1) : text
  if (name.length > MAX_NAME_CHARS) return undefined
  const labels = name.split('.')
  return labels.every((label) => LABEL.test(label)) && !NUMBER.test(labels.at(-1) ?? '') ? name : undefined
}
