/** The sentences of the API, in one place: clients cut and compare them, so they are MockServer's to the letter. */
import { expandedJson, prettyJson } from '../decide/matching/pretty-json.ts'

const SHOWN_CHARACTERS = 64 * 1024
const SPECIFICATION = 'https://app.swaggerhub.com/apis/jamesdbloom/mock-server-openapi/'
const DOCUMENTATION = 'https://mock-server.com/mock_server/creating_expectations.html'

/** Where more is said; `version`: of MockServer. */
const footer = (version: string): string => {
  const [major, minor = '0'] = version.split('.')
  return `OpenAPI Specification: ${SPECIFICATION}${major}.${minor}.x\nDocumentation: ${DOCUMENTATION}`
}

export const SEPARATOR = '------------------------------------'

const indented = (text: string): string => text.replace(/^(?=.)/gm, '  ')

/** Empty lines as well. */
const allIndented = (text: string): string => text.replace(/^/gm, '  ')

const bounded = (text: string): string =>
  text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}… (${text.length} characters)` : text

export const errorsText = (problems: readonly string[]): string =>
  `${problems.length} error${problems.length === 1 ? '' : 's'}:\n${problems.map((problem) => ` - ${problem}`).join('\n')}`

/** `given`: the document, or its text as it was given; `version`: of MockServer. */
export const formatError = (what: string, given: unknown, problems: readonly string[], version: string): string => {
  const print = Number(version.split('.')[0]) < 8 ? prettyJson : expandedJson
  const shown = bounded(typeof given === 'string' ? given : print(given))
  const errors = allIndented(`${errorsText(problems)}\n\n${footer(version)}`)
  return `incorrect ${what} json format for:\n\n${indented(shown)}\n\n schema validation errors:\n\n${errors}`
}

/** Several at once; one stays as it is. */
export const joinedErrors = (texts: readonly string[]): string =>
  texts.length === 1 ? (texts[0] ?? '') : `[\n${allIndented(texts.join(',\n\n'))}\n]`

export const required = (what: string): string => errorsText([`${what} is required but value was "null"`])

/** The same, with where more is said. */
export const requiredWithFooter = (what: string, version: string): string => `${required(what)}\n\n${footer(version)}`

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
  /** All that there are. */
  readonly messages: readonly unknown[]
  /** From so many on, none is listed. */
  readonly maximumListed: number
  /** What is said instead of more than are to be listed. */
  readonly among: string
}

const one = (values: readonly unknown[]): string => {
  if (values.length === 0) return '[]'
  return prettyJson(values.length === 1 ? values[0] : values)
}

export const unfound = ({ what, doubt, expected, messages, maximumListed, among }: Unfound): string => {
  const claim = `${what}${doubt === undefined ? '' : ` for certain (${doubt})`}, expected:<${expected}>`
  return messages.length < maximumListed ? `${claim} but was:<${one(messages)}>` : `${claim} but was ${among}`
}

/** How many there are where they are too many to be listed; sequences, and all before version 8, do not say how many fit. */
export const amongText = (kind: string, found: number, total: number, major: number): string => {
  const isResponse = kind.startsWith('response')
  if (major < 8 || kind.endsWith('sequence')) {
    return `not found, found ${total} other ${isResponse ? 'responses' : 'requests'}`
  }
  const times = `${found} time${found === 1 ? '' : 's'}`
  return `found ${times} among ${total} ${isResponse ? 'recorded responses' : 'total requests'}`
}

export const unequalSequences = (requests: number, responses: number): string =>
  'Request and response sequences must be the same length for a response-aware verification sequence, found ' +
  `${requests} request(s) and ${responses} response(s)`

const SHOWN_VALUE = 1000
const onOneLine = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null')
  const line = text.replace(/\s*\n\s*/g, ' ')
  return line.length > SHOWN_VALUE ? `${line.slice(0, SHOWN_VALUE)}…` : line
}

/** Fields of a message that MockServer names with others. */
const GROUPS: Readonly<Record<string, string>> = { statusCode: 'operation', reasonPhrase: 'operation' }
const RULES: Readonly<Record<string, string>> = {
  method: 'string or regex',
  path: 'string or regex',
  reasonPhrase: 'string or regex',
}

/** What goes behind the text of a failure: the fields in which the nearest message differs. */
export const closestText = (
  fields: readonly { readonly name: string; readonly expected: unknown; readonly found: unknown }[],
): string => {
  const lines = new Map<string, string[]>()
  for (const { name, expected, found } of fields) {
    const group = GROUPS[name] ?? name
    const rule = `${RULES[name] ?? name} match failed`
    const line = `      ${rule} expected:      ${onOneLine(expected)}     found:      ${onOneLine(found)} `
    lines.set(group, [...(lines.get(group) ?? []), line])
  }
  const blocks = [...lines].map(([group, each]) => `  ${group}:\n${each.join('\n')}\n`)
  return `\n\nclosest match diff:\n${blocks.join('')}`
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

/** A sentence with its documents in the places of `{}`, as log messages are laid out. */
export const logMessage = (format: string, documents: readonly unknown[]): string => {
  const [first = '', ...rest] = format.split('{}')
  return rest.reduce((text, part, at) => {
    const given = documents[at]
    const shown = typeof given === 'string' ? given : prettyJson(given ?? null)
    return `${text}\n\n${indented(shown)}\n\n${part === '' || part.startsWith(' ') ? part : ` ${part}`}`
  }, first)
}
