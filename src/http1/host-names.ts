/** Which names a server answers to. A page on a name that its owner points here could otherwise read it from a browser. */
import { isIP } from 'node:net'

/** The name of a Host header in lower case, without the port; an IPv6 address in brackets. */
export const hostNameOf = (host: string): string => host.replace(/:\d*$/, '').toLowerCase()

export const isAddressName = (name: string): boolean =>
  name.startsWith('[') && name.endsWith(']') ? isIP(name.slice(1, -1)) === 6 : isIP(name) === 4

/** Names that browsers take for this machine without asking anybody. */
export const isLocalName = (name: string): boolean => name === 'localhost' || name.endsWith('.localhost')

/**
 * Whether a Host header names this machine: by address, as localhost, or by one of these names, where `.x` stands for
 * all below x and `*` for any.
 */
export const createHostRule = (names: readonly string[]): ((host: string) => boolean) => {
  const rules = names.map((name) => name.toLowerCase())
  const isNamed = (name: string) =>
    rules.some((rule) => rule === '*' || (rule.startsWith('.') ? name.endsWith(rule) : rule === name))
  return (host) => {
    const name = hostNameOf(host)
    return isAddressName(name) || isLocalName(name) || isNamed(name)
  }
}
