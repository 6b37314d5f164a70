/** resolv.conf(5) as glibc reads it (resolv/res_init.c). Pure. */
import { isIP } from 'node:net'
import type { Endpoint } from '../flow.ts'
import { canonicalAddress } from './address.ts'

export interface Nameserver {
  readonly address: string
  /** The interface of a link-local address: what follows its `%`. */
  readonly scope?: string
}

export interface ResolvConf {
  /** At most three, in order; the local machine where the file names none. */
  readonly nameservers: readonly Nameserver[]
  readonly search: readonly string[]
  readonly options: ResolvOptions
}

export interface ResolvOptions {
  readonly ndots: number
  readonly timeoutS: number
  readonly attempts: number
  readonly isEdns0: boolean
  /** Ask over TCP only. */
  readonly isTcpOnly: boolean
}

const DNS_PORT = 53
/** glibc's MAXNS, RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY; the search list has no limit there. */
const MAX_NAMESERVERS = 3
const MAX_NDOTS = 15
const MAX_TIMEOUT_S = 30
const MAX_ATTEMPTS = 5
const MAX_SEARCH = 32
const MAX_TEXT = 65_536
const DEFAULTS: ResolvOptions = { ndots: 1, timeoutS: 5, attempts: 2, isEdns0: false, isTcpOnly: false }

/** Reads any text: what glibc would ignore is ignored. */
export const parseResolvConf = (text: string): ResolvConf => {
  const nameservers: Nameserver[] = []
  let search: readonly string[] = []
  let options = DEFAULTS
  for (const line of text.slice(0, MAX_TEXT).split('\n')) {
    // A keyword begins the line; `;` and `#` in its place make a comment.
    const [keyword = '', ...words] = line.split(/[ \t\r]+/)
    if (keyword === 'nameserver') {
      const server = nameserverOf(words[0] ?? '')
      if (server && nameservers.length < MAX_NAMESERVERS) nameservers.push(server)
    } else if (keyword === 'search') search = words.filter(Boolean).slice(0, MAX_SEARCH)
    else if (keyword === 'domain') search = words.slice(0, 1).filter(Boolean)
    else if (keyword === 'options') options = words.reduce(withOption, options)
  }
  return { nameservers: nameservers.length > 0 ? nameservers : [{ address: '127.0.0.1' }], search, options }
}

/** Where to ask: what `WorkloadDns.fallback` wants. A scope means nothing outside the namespace the file is from. */
export const endpointsOf = ({ nameservers }: ResolvConf): readonly Endpoint[] =>
  nameservers.filter(({ scope }) => scope === undefined).map(({ address }) => ({ address, port: DNS_PORT }))

const nameserverOf = (word: string): Nameserver | undefined => {
  const [written = ''] = word.split(/[;#]/)
  const [bare = '', scope] = written.split('%')
  const address = canonicalAddress(bare)
  if (address === undefined || scope === '') return undefined
  return scope !== undefined && isIP(address) === 6 ? { address, scope } : { address }
}

const withOption = (options: ResolvOptions, word: string): ResolvOptions => {
  const [name, value = ''] = word.split(':')
  const number = /^\d{1,6}$/.test(value) ? Number(value) : undefined
  if (word === 'edns0') return { ...options, isEdns0: true }
  if (word === 'use-vc') return { ...options, isTcpOnly: true }
  if (number === undefined) return options
  if (name === 'ndots') return { ...options, ndots: Math.min(number, MAX_NDOTS) }
  if (name === 'timeout') return { ...options, timeoutS: Math.min(number, MAX_TIMEOUT_S) }
  if (name === 'attempts') return { ...options, attempts: Math.min(number, MAX_ATTEMPTS) }
  return options
}
