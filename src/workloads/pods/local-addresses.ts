/** The addresses of a network namespace's interfaces, by the files of /proc/PID/net. Pure. */
import { isIP } from 'node:net'

const LEAF = /^\s*\|-- (\d{1,3}(?:\.\d{1,3}){3})$/
const LOCAL = /^\s*\/32 host LOCAL\b/

/** Those of fib_trie, IPv4: the leaves that have a route of type LOCAL to themselves alone. */
export const localIpv4 = (fibTrie: string): Set<string> => {
  const found = new Set<string>()
  let leaf: string | undefined
  for (const line of fibTrie.split('\n')) {
    const address = LEAF.exec(line)?.[1]
    if (address !== undefined) leaf = isIP(address) === 4 ? address : undefined
    else if (line.includes('+--')) leaf = undefined
    else if (leaf !== undefined && LOCAL.test(line)) found.add(leaf)
  }
  return found
}

/** Those of if_inet6, each as canonicalIp writes it. */
export const localIpv6 = (ifInet6: string): Set<string> => {
  const addresses = ifInet6.split('\n').flatMap((line) => {
    const [, hex] = /^([0-9a-f]{32}) /.exec(line) ?? []
    return hex === undefined ? [] : [canonicalIp((hex.match(/.{4}/g) ?? []).join(':'))]
  })
  return new Set(addresses.filter((address) => address !== undefined))
}

/** The one spelling of an IP literal (RFC 5952; without a zone, and IPv4 where it is mapped); undefined for anything else. */
export const canonicalIp = (text: string): string | undefined => {
  const family = text.length > 45 || text.includes('%') ? 0 : isIP(text)
  if (family !== 6) return family === 4 ? text : undefined
  const address = new URL(`http://[${text}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address) ?? []
  if (high === undefined || low === undefined) return address
  const words = [high, low].map((word) => Number.parseInt(word, 16))
  return words.flatMap((word) => [word >> 8, word & 255]).join('.')
}

/** Whether an address can be one pod's alone: not loopback, unspecified or link-local, which every namespace may have. */
export const tellsPodsApart = (address: string): boolean =>
  !/^(?:127\.|0\.|169\.254\.|::1?$|fe[89ab][0-9a-f]:)/.test(address)
