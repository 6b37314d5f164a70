/** Where documents and parameters are refused in other words than those of MockServer. */
import type { Seen, Wanted } from './compare.ts'
import type { Answer, Answered } from './exchange.ts'

const textOf = (answer: Answer): string => ('body' in answer && typeof answer.body === 'string' ? answer.body : '')

const isRefused = ({ real, ours }: Seen): boolean =>
  'status' in real && 'status' in ours && real.status === 400 && ours.status === 400

/** One list of mistakes: how many, and each behind a dash. */
const LIST = /^( *)\d+ errors?:(?:\n *- .*)+$/gm

/** What stands around the lists of mistakes. */
const around = (text: string): string => text.replace(LIST, '$1<mistakes>')

/** Where mistakes are; what is missing is not, because all that could have been there is listed as that. */
const placesIn = (text: string): string[] =>
  [...text.matchAll(/^ *- \$\.([^:\n]+): (.*)$/gm)]
    .filter(([, , sentence = '']) => !sentence.startsWith('is missing'))
    .map(([, place = '']) => place)

const saysTheSamePlaces = ({ real, ours }: Seen): boolean => {
  const own = new Set(placesIn(textOf(ours)))
  return placesIn(textOf(real)).every((place) => own.has(place))
}

const TYPES = 'logs, requests, request_responses, recorded_expectations, active_expectations, metrics'
const FORMATS = 'java, javascript, json, log_entries, har, openapi, curl'

const withOurList = (real: Answered): Answered =>
  typeof real.body === 'string'
    ? {
        ...real,
        body: real.body
          .replace(/(for "format" parameter, only .* supported) \[.*\]$/, `$1 [${FORMATS}]`)
          .replace(/(for "type" parameter, only .* supported) \[logs, .*\]$/, `$1 [${TYPES}]`),
      }
    : real

export const wantedOfRefusals: readonly Wanted[] = [
  {
    name: 'lists of allowed values name those that are spoken',
    reason: 'there are others there',
    rewrite: (real) => (real.status === 400 ? withOurList(real) : real),
  },
  {
    name: 'a mistake is told in one sentence, which says what was expected',
    reason:
      'there all is listed that the schemas of any version would also have allowed; places and layout are the same',
    explains: (seen) =>
      isRefused(seen) &&
      textOf(seen.real).includes(' schema validation errors:') &&
      around(textOf(seen.real)) === around(textOf(seen.ours)) &&
      saysTheSamePlaces(seen),
  },
  {
    name: 'a filter inside of an expectation is shown with it',
    reason: 'it was given so; there the filter alone',
    explains: (seen) => {
      if (!isRefused(seen) || !/\/(?:clear|retrieve)/.test(seen.step.target)) return false
      const { body } = seen.step
      if (typeof body !== 'string' || !body.startsWith('{"httpRequest":')) return false
      return (
        around(textOf(seen.real)).replace(body.slice('{"httpRequest":'.length, -1), body) === around(textOf(seen.ours))
      )
    },
  },
  {
    name: 'text that is no JSON is told where',
    reason: 'there the exception of a library is shown, and that of a reference in its own schemas',
    explains: (seen) =>
      isRefused(seen) &&
      /^(?:exception while parsing |com\.fasterxml\.jackson\.|incorrect .*\n {2}[A-Za-z]+Exception - )/s.test(
        textOf(seen.real),
      ) &&
      /^incorrect [a-z ]+ json format for:\n/.test(textOf(seen.ours)),
  },
  {
    name: 'a document that is null, or an empty text, is none',
    reason: 'clients send it for none',
    explains: (seen) =>
      isRefused(seen) &&
      /^(?:null|"")$/.test(String(seen.step.body)) &&
      /is required but value was "null"/.test(textOf(seen.ours)),
  },
]
