/** Whether what a client's bytes name contradicts where its connection was going. Pure. */
import type { Named, Resolution } from '../flow.ts'

/** The names that the workload has asked DNS for and was given this address. */
export type NamesOf = (address: string) => readonly string[]

/**
 * What was named, where it contradicts a destination that other evidence than the client's own bytes led to; undefined
 * where it does not, or where nothing can be said: no port is no evidence, nor is a name for an address that nobody asked
 * DNS for. The destination stands either way.
 */
export const mismatch = (resolution: Resolution, named: Named | undefined, namesOf: NamesOf): string | undefined => {
  const { destination, resolvedBy } = resolution
  if (!destination || !named || resolvedBy === 'host') return undefined
  const isOtherPort = named.port !== undefined && named.port !== destination.port
  return isOtherPort || isOther(named.address, destination.address, namesOf) ? textOf(named) : undefined
}

const isOther = (named: string, destination: string, namesOf: NamesOf): boolean => {
  if (named === destination) return false
  const literal = addressOf(named)
  const address = addressOf(destination)
  if (literal !== undefined) return address !== undefined && literal !== address
  const names = address === undefined ? [destination] : namesOf(destination)
  return names.length > 0 && !names.some((name) => mayMean(named, name))
}

/** Whether one name is the other, or its beginning: resolvers complete short names from their search list. */
const mayMean = (named: string, asked: string): boolean => {
  const [short, full] = [plainName(named), plainName(asked)]
  return full === short || full.startsWith(`${short}.`)
}

const plainName = (name: string): string => (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase()

/** A host that ends in a number is an IPv4 address in one of its spellings, or nothing (WHATWG URL, 3.5). */
const IPV4_LIKE = /(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/i

/** An IP literal in its one canonical spelling; undefined for a name. */
const addressOf = (text: string): string | undefined => {
  if (text.includes(':')) return URL.parse(`http://[${text}]`)?.hostname
  return IPV4_LIKE.test(text) ? URL.parse(`http://${text}`)?.hostname : undefined
}

const textOf = ({ address, port }: Named): string => {
  const host = address.includes(':') ? `[${address}]` : address
  return port === undefined ? host : `${host}:${port}`
}
