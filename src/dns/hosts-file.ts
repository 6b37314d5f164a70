/** hosts(5): names that no resolver is asked for. Pure. */
import { canonicalAddress } from './address.ts'

const MAX_TEXT = 1024 * 1024

/** The first address of each name, lower case; IPv4 goes before IPv6, as callers take one only. */
export const parseHosts = (text: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  for (const line of text.slice(0, MAX_TEXT).split('\n')) {
    const [written = '', ...names] = (line.split('#')[0] ?? '').trim().split(/\s+/)
    const address = canonicalAddress(written)
    if (address === undefined) continue
    for (const name of names) {
      const known = found.get(name.toLowerCase())
      if (known === undefined || (known.includes(':') && !address.includes(':'))) found.set(name.toLowerCase(), address)
    }
  }
  return found
}
