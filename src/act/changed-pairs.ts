/** Lists of names with values, changed as an expectation says. Pure. */
import type { PairsChange } from '../action.ts'
import { decodeQueryText } from '../decide/matching/query.ts'

/** One of them, with its text as it is to be sent. */
export interface Entry {
  readonly name: string
  readonly text: string
}

/** What a list is made of: how names are compared and how a new entry is written. */
export interface Kind {
  same(name: string): string
  make(name: string, value: string): Entry
}

/** The values of a flat list by their name. */
const grouped = (flat: readonly string[], kind: Kind): Map<string, Entry[]> => {
  const groups = new Map<string, Entry[]>()
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] ?? ''
    const group = groups.get(kind.same(name)) ?? []
    group.push(kind.make(name, flat[i + 1] ?? ''))
    groups.set(kind.same(name), group)
  }
  return groups
}

/** Each group stands where the first of its name stood; those that are new come last. */
const replaced = (entries: readonly Entry[], groups: Map<string, Entry[]>, kind: Kind, addsNew: boolean): Entry[] => {
  const left = new Map(groups)
  const kept = entries.flatMap((entry) => {
    const name = kind.same(entry.name)
    if (!groups.has(name)) return [entry]
    const group = left.get(name) ?? []
    left.delete(name)
    return group
  })
  return addsNew ? [...kept, ...[...left.values()].flat()] : kept
}

/** The entries after one change. */
export const changedPairs = (entries: readonly Entry[], change: PairsChange, kind: Kind): readonly Entry[] => {
  const { set = [], replace = [], add = [], fill = [], remove = [] } = change
  let now = entries
  if (set.length > 0) now = replaced(now, grouped(set, kind), kind, true)
  if (replace.length > 0) now = replaced(now, grouped(replace, kind), kind, false)
  if (add.length > 0) now = [...now, ...[...grouped(add, kind).values()].flat()]
  for (const [name, group] of grouped(fill, kind)) {
    if (!now.some((entry) => kind.same(entry.name) === name)) now = [...now, ...group]
  }
  const removed = new Set(remove.map((name) => kind.same(name)))
  return removed.size > 0 ? now.filter(({ name }) => !removed.has(kind.same(name))) : now
}

const lower = (name: string): string => name.toLowerCase()

/** The text of a header is its value. */
const HEADERS: Kind = { same: lower, make: (name, text) => ({ name, text }) }

const pairsOf = (headers: readonly string[]): Entry[] => {
  const entries: Entry[] = []
  for (let i = 0; i < headers.length; i += 2) entries.push({ name: headers[i] ?? '', text: headers[i + 1] ?? '' })
  return entries
}

/** What is between two neighbours is worked out anew for whoever gets the message. */
const isOurs = (name: string): boolean =>
  /^(?:content-length|transfer-encoding|connection|keep-alive|proxy-connection|te|trailer|upgrade)$/i.test(name)

const withoutOurs = (flat: readonly string[] | undefined): readonly string[] =>
  flat?.some((name, i) => i % 2 === 0 && isOurs(name))
    ? flat.filter((_, i) => !isOurs(flat[i - (i % 2)] ?? ''))
    : (flat ?? [])

/** Headers without those of these names, in lower case. */
export const withoutHeaders = (headers: readonly string[], ...names: readonly string[]): string[] =>
  headers.filter((_, i) => !names.includes(lower(headers[i - (i % 2)] ?? '')))

/** Headers after one change; what frames a message stays as it was. */
export const changedHeaders = (headers: readonly string[], change: PairsChange): string[] => {
  const { set, replace, add, fill, remove = [] } = change
  const allowed: PairsChange = {
    set: withoutOurs(set),
    replace: withoutOurs(replace),
    add: withoutOurs(add),
    fill: withoutOurs(fill),
    remove: remove.filter((name) => !isOurs(name)),
  }
  return changedPairs(pairsOf(headers), allowed, HEADERS).flatMap(({ name, text }) => [name, text])
}

const encoded = (text: string): string => encodeURIComponent(text.toWellFormed())

const QUERY: Kind = {
  same: lower,
  make: (name, value) => ({ name, text: `${encoded(name)}=${encoded(value)}` }),
}

/** A query, without `?`, after the changes; what they leave alone stays encoded as it was. */
export const changedQuery = (query: string, changes: readonly PairsChange[]): string => {
  let entries: readonly Entry[] = query
    .split('&')
    .filter((part) => part !== '')
    .map((text) => ({ name: decodeQueryText(text.split('=', 1)[0] ?? ''), text }))
  for (const change of changes) entries = changedPairs(entries, change, QUERY)
  return entries.map(({ text }) => text).join('&')
}

const COOKIES: Kind = { same: (name) => name, make: (name, value) => ({ name, text: `${name}=${value}` }) }

const cookieName = (text: string): string => (text.split('=', 1)[0] ?? '').trim()

/** Headers with the cookies of a request after the changes, in one line where the first was. */
export const changedCookies = (headers: readonly string[], changes: readonly PairsChange[]): string[] => {
  const lines = pairsOf(headers)
  let cookies: readonly Entry[] = lines
    .filter(({ name }) => lower(name) === 'cookie')
    .flatMap(({ text }) => text.split(';'))
    .map((text) => ({ name: cookieName(text), text: text.trim() }))
    .filter(({ text }) => text !== '')
  for (const change of changes) cookies = changedPairs(cookies, change, COOKIES)
  const line = cookies.map(({ text }) => text).join('; ')
  return changedHeaders(headers, line === '' ? { remove: ['cookie'] } : { set: ['cookie', line] })
}

/** Headers with the Set-Cookie lines of an answer after the change; each is a line of its own. */
export const changedSetCookies = (headers: readonly string[], change: PairsChange): string[] => {
  const set = pairsOf(headers).filter(({ name }) => lower(name) === 'set-cookie')
  const cookies = changedPairs(
    set.map(({ text }) => ({ name: cookieName(text), text })),
    change,
    COOKIES,
  )
  if (cookies.length === 0) return changedHeaders(headers, { remove: ['set-cookie'] })
  return changedHeaders(headers, { set: cookies.flatMap(({ text }) => ['set-cookie', text]) })
}
