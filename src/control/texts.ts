/** The sentences of the API, in one place: clients cut and compare them, so they are MockServer's to the letter. */
import { prettyJson } from '../decide/matching/pretty-json.ts'

const SHOWN_CHARACTERS = 64 * 1024
const DOCUMENTATION = 'Documentation: https://mock-server.com/mock_server/creating_expectations.html'

export const SEPARATOR = '------------------------------------'

const indented = (text: string): string => text.replace(/^(?=.)/gm, '  ')

const bounded = (text: string): string =>
  text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}… (${text.length} characters)` : text

export const errorsText = (problems: readonly string[]): string =>
  `${problems.length} error${problems.length === 1 ? '' : 's'}:\n${problems.map((problem) => ` - ${problem}`).join('\n')}`

/** `given`: the document, or its text where it is no JSON. */
export const formatError = (what: string, given: unknown, problems: readonly string[]): string => {
  const shown = bounded(typeof given === 'string' ? given : prettyJson(given))
  const errors = `${errorsText(problems)}\n\n${DOCUMENTATION}`
  return `incorrect ${what} json format for:\n\n${indented(shown)}\n\n schema validation errors:\n\n${indented(errors)}`
}

/** Several at once; one stays as it is. */
export const joinedErrors = (texts: readonly string[]): string =>
  texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(',\n\n')}]`

export const required = (what: string): string => errorsText([`${what} is required but value was "null"`])

export const badEnum = (given: string, parameter: string, allowed: readonly string[]): string =>
  `"${bounded(given)}" is not a valid value for "${parameter}" parameter, only the following values are supported ` +
  `[${allowed.join(', ')}]`

export const unknownId = (id: string): string => `No expectation found with id ${bounded(id)}`

export const deprecated = (path: string): string => `"${path}" is deprecated use "/mockserver${path}" instead`

const count = (times: number): string => (times === 1 ? 'once' : `${times} times`)

/** `exactly once`, `between 2 and 3 times`; undefined is no bound. */
export const timesText = (atLeast: number | undefined, atMost: number | undefined): string => {
  if (atLeast !== undefined && atLeast === atMost) return `exactly ${count(atLeast)}`
  if (atMost === undefined) return `at least ${count(atLeast ?? 0)}`
  if (atLeast === undefined) return `at most ${count(atMost)}`
  return `between ${atLeast} and ${atMost} times`
}

export interface Unfound {
  /** `Request not found exactly once`, `Request sequence not found`. */
  readonly what: string
  /** Why the log cannot tell, if it cannot. */
  readonly doubt: string | undefined
  readonly expected: string
  /** All requests that there are. */
  readonly requests: readonly unknown[]
  readonly found: number
  readonly maximumListed: number
}

const one = (values: readonly unknown[]): string => {
  if (values.length === 0) return '[]'
  return prettyJson(values.length === 1 ? values[0] : values)
}

export const unfound = ({ what, doubt, expected, requests, found, maximumListed }: Unfound): string => {
  const claim = `${what}${doubt === undefined ? '' : ` for certain (${doubt})`}, expected:<${expected}>`
  if (requests.length > maximumListed)
    return `${claim} but was found ${found} time(s) among ${requests.length} total requests`
  return `${claim} but was:<${one(requests)}>`
}

export const bindFailed = (port: number): string =>
  `Exception while binding MockServer to port ${port} port already in use`

/** `2026-11-21 08:00:00.000`, local time. */
export const timestamp = (ms: number): string => {
  const date = new Date(ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** A sentence with documents in it, as log messages are laid out. */
export const logMessage = (...parts: readonly unknown[]): string =>
  parts.map((part) => (typeof part === 'string' ? part : `\n\n${indented(prettyJson(part))}\n\n`)).join('')
