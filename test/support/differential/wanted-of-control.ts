/** Where the control API is meant to answer in other words than MockServer. */
import { prettyJson } from '../../../src/decide/matching/pretty-json.ts'
import type { Seen, Wanted } from './compare.ts'
import type { Answer, Answered } from './exchange.ts'

const textOf = (answer: Answer): string => ('body' in answer && typeof answer.body === 'string' ? answer.body : '')

const statusOf = (answer: Answer): number => ('status' in answer ? answer.status : 0)

const isCallOf = ({ step }: Pick<Seen, 'step'>, name: RegExp): boolean => name.test(step.target)

const listOf = (text: string): readonly Record<string, unknown>[] | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** What a failed verification says was expected, without marks of negation: there they get lost. */
const claimOf = (answer: Answer): string => (textOf(answer).split(' but was')[0] ?? '').replaceAll('"!', '"')

const parts = (item: Record<string, unknown>): unknown => {
  const { method, path, queryStringParameters } = (item['httpRequest'] ?? item) as Record<string, unknown>
  return { method, path, queryStringParameters }
}

/** Requests that were retrieved, as far as both show them in the same form. */
const requestsIn = (answer: Answer): string =>
  prettyJson((listOf(textOf(answer)) ?? ['no list']).map((item) => (typeof item === 'string' ? item : parts(item))))

const withoutFooter = (real: Answered): Answered =>
  typeof real.body === 'string'
    ? { ...real, body: real.body.replace(/\n *\n *OpenAPI Specification: [^\n]*\n/, '\n\n') }
    : real

const withoutAddedLength = (real: Answered): Answered =>
  typeof real.body === 'string'
    ? {
        ...real,
        body: real.body
          .replaceAll(/\n *"content-length" : \[ "0" \](?:,(?=\n)|(?=\n))/g, '')
          .replaceAll(/,(\n *\})/g, '$1'),
      }
    : real

export const wantedOfControl: readonly Wanted[] = [
  {
    name: 'nothing is said of the commit that was built',
    reason: 'it is not that of MockServer',
    versions: ['8.0.0'],
    rewrite: (real, seen) =>
      isCallOf(seen, /\/status/) && typeof real.body === 'string'
        ? { ...real, body: real.body.replace(/ *"gitHash" : "[^"]*",\n/, '') }
        : real,
  },
  {
    name: 'a length that nobody sent is not recorded',
    reason: 'there a request without a body is given one',
    rewrite: (real, seen) => (isCallOf(seen, /\/retrieve/) && real.status === 200 ? withoutAddedLength(real) : real),
  },
  {
    name: 'the list of mistakes ends with one link',
    reason: 'the document that the other one leads to describes another server',
    rewrite: (real) => (real.status === 400 ? withoutFooter(real) : real),
  },
  {
    name: 'a failed verification shows requests in their own words',
    reason:
      'order of headers, forms of bodies, and what was closest differ; what is expected, and that it failed, does not',
    explains: (seen) =>
      isCallOf(seen, /\/verify/) &&
      statusOf(seen.real) === 406 &&
      statusOf(seen.ours) === 406 &&
      (claimOf(seen.real) === claimOf(seen.ours) || /expectationIds?"/.test(String(seen.step.body))),
  },
  {
    name: 'a verification that does not say how often',
    reason: 'at least once here so far; there exactly once',
    explains: (seen) => {
      if (!isCallOf(seen, /\/verify$/) || typeof seen.step.body !== 'string') return false
      return (
        !/"at(?:Least|Most)"/.test(seen.step.body) && textOf(seen.real).startsWith('Request not found exactly once')
      )
    },
  },
  {
    name: 'a filter by id means what that expectation answered',
    reason: 'there it means all that it would answer, if it were the only one',
    explains: ({ step, before }) =>
      [...before, step].some(
        ({ target, body }) => /\/(?:clear|retrieve|verify)/.test(target) && /"id"/.test(String(body)),
      ),
  },
  {
    name: 'a sequence of nothing',
    reason: 'is not found; 8.0 says where, and takes a document without a list for a mistake',
    explains: (seen) =>
      isCallOf(seen, /\/verifySequence/) &&
      textOf(seen.ours).startsWith('No expectations, requests or responses specified'),
  },
  {
    name: 'what was answered is retrieved as it was sent',
    reason: 'there as the expectation says it; and keys have another order',
    explains: (seen) => isCallOf(seen, /type=request_responses/) && requestsIn(seen.real) === requestsIn(seen.ours),
  },
  {
    name: 'requests are retrieved with their bodies in another form',
    reason: 'the same request is meant',
    explains: (seen) =>
      isCallOf(seen, /\/retrieve(?:$|\?type=requests)/i) && requestsIn(seen.real) === requestsIn(seen.ours),
  },
  {
    name: 'lists of allowed values name those that are spoken',
    reason: 'there are others there',
    explains: ({ real, ours }) =>
      [real, ours].every((answer) => /is not a valid value for "(?:type|format)"/.test(textOf(answer))),
  },
  {
    name: 'the mistakes of a document are said in other words',
    reason: 'one sentence each, and what to do; there all that the schemas of any version would also allow',
    explains: ({ real, ours }) => statusOf(real) === 400 && statusOf(ours) === 400,
  },
]
