/**
 * Where the answers here are meant to differ from those of MockServer. docs/mockserver-compatibility.md tells users of
 * each; whatever differs and is not in this table is a mistake, here or there.
 */
import { isDeepStrictEqual } from 'node:util'
import { prettyJson } from '../../../src/decide/matching/pretty-json.ts'
import type { Seen, Wanted } from './compare.ts'
import { type Answer, type Answered, isCall, type Step } from './exchange.ts'
import { wantedOfActions } from './wanted-of-actions.ts'
import { wantedOfControl } from './wanted-of-control.ts'
import { wantedOfRefusals } from './wanted-of-refusals.ts'

type Json = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const without = (answer: Answered, names: (name: string) => boolean): Answered => ({
  ...answer,
  headers: Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !names(name))),
})

/** A row for a request that is judged differently in the examples of areas/quirks.ts, whose ids are the rows' names. */
const judged = (name: string, reason: string): Wanted => ({
  name,
  reason,
  explains: ({ step, before }) =>
    [step, ...before].some(({ body }) => typeof body === 'string' && body.includes(JSON.stringify(name))),
})

/** A row for documents that are refused here with this sentence and taken there. */
const refused = (name: string, reason: string, sentence: RegExp): Wanted => ({
  name,
  reason,
  explains: ({ step, real, ours }) =>
    isCall(step) &&
    'status' in real &&
    'status' in ours &&
    real.status < 300 &&
    ours.status === 400 &&
    typeof ours.body === 'string' &&
    sentence.test(ours.body),
})

/** Whether MockServer lists an expectation where no filter is given. */
const isListedThere = ({ httpRequest = {} }: { readonly httpRequest?: Json }): boolean => {
  const { not, method, path } = httpRequest
  const isFound = (text: unknown): boolean => !isRecord(text) && !/^\??!/.test(String(text ?? ''))
  return not !== true && isFound(method) && isFound(path)
}

/** Phrases of no status, and old ones of three. */
const OTHER_REASON =
  /^(?:(?:Informational|Success|Redirection|Client Error|Server Error|Unknown Status) \(\d+\)|Request Entity Too Large|Request-URI Too Long)$/

const UNMATCHED = 'understudy: no expectation matches this request, and unmatched requests are not forwarded\n'

const textOf = (answer: Answer): string => ('body' in answer && typeof answer.body === 'string' ? answer.body : '')

/** Undefined where it is none. */
const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const itemsOf = ({ target, body }: Step): unknown[] => {
  if (!target.startsWith('/mockserver/expectation') || typeof body !== 'string') return []
  const given = jsonOf(body)
  return Array.isArray(given) ? given : [given]
}

/** The list of expectations that an answer gives back, each with the bodies that were put. */
const withBodiesAsPut = (real: Answered, { step, before }: Seen): Answered => {
  const isPut = step.target.startsWith('/mockserver/expectation')
  if (!(isPut || /type=active_expectations/i.test(step.target)) || real.status >= 300 || real.body === '[]') return real
  const put = new Map<unknown, Json>()
  for (const item of before.flatMap(itemsOf)) if (isRecord(item)) put.set(item['id'], item)
  const withBody = (message: unknown, given: unknown): unknown =>
    isRecord(message) && isRecord(given) && 'body' in given ? { ...message, body: given['body'] } : message
  const items = typeof real.body === 'string' ? jsonOf(real.body) : undefined
  if (!Array.isArray(items)) return real
  const shown = items.map((item: Json, at) => {
    const given = isPut ? itemsOf(step)[at] : put.get(item['id'])
    const keys = ['httpRequest', 'httpResponse'].filter((key) => key in item)
    return {
      ...item,
      ...Object.fromEntries(keys.map((key) => [key, withBody(item[key], isRecord(given) ? given[key] : undefined)])),
    }
  })
  return { ...real, body: prettyJson(shown) }
}

/** Kinds of bodies, comparisons of numbers, schemas of cookies. */
const SINCE_5_15 =
  /"(?:GRAPHQL|MULTIPART|JSON_RPC|FUZZY|DEEP_OBJECT|httpResponses|scenarioName|percentage|rateLimit|matchNumbersAsStrings|respondBeforeBody|httpForwardWithFallback)"|"accept:|"!?(?:>|<|==)|"cookies".*"schema"/

const sameHeaders = (real: Answer, ours: Answer): boolean =>
  'headers' in real && 'headers' in ours && isDeepStrictEqual(real.headers, ours.headers)

/** JSON in which no list has a value twice. */
const onceEach = (value: unknown): unknown => {
  if (Array.isArray(value)) {
    const texts = new Set(value.map((item) => JSON.stringify(onceEach(item))))
    return [...texts].map((text) => JSON.parse(text))
  }
  return isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, onceEach(item)]))
    : value
}

/** What is compared with: the oldest that is still in use, and the newest that npm has. */
export const VERSIONS = ['5.15.0', '8.0.0'] as const

export const wanted: readonly Wanted[] = [
  {
    name: 'CORS headers are for those who say where they come from',
    reason: 'without an Origin nobody reads them; 8.0 sends them with every answer of the API',
    isEverywhere: true,
    versions: ['8.0.0'],
    rewrite: (real, { step }) =>
      isCall(step) && !step.headers?.some(([name]) => name === 'origin')
        ? without(real, (name) => name.startsWith('access-control-'))
        : real,
  },
  {
    name: 'a connection that is kept is not announced with an answer to mocked traffic',
    reason: 'HTTP/1.1 keeps it anyway',
    isEverywhere: true,
    rewrite: (real, { step }) =>
      !isCall(step) && real.headers['connection']?.join() === 'keep-alive'
        ? without(real, (name) => name === 'connection')
        : real,
  },
  {
    name: 'a request that nothing matches is told so',
    reason: 'an empty 404 does not say whose it is; the hint at the closest expectation has no texts of either side',
    isEverywhere: true,
    rewrite: (real, { step, ours }) => {
      if (isCall(step) || real.status !== 404 || real.body !== '') return real
      const closest = 'headers' in ours ? ours.headers['x-understudy-closest'] : undefined
      return {
        ...real,
        headers: {
          ...(real.headers['connection']?.join() === 'close' ? { connection: ['close'] } : {}),
          'content-length': ['<body>'],
          'content-type': ['text/plain; charset=utf-8'],
          'x-understudy-reason': ['no_expectation'],
          ...(closest ? { 'x-understudy-closest': closest } : {}),
        },
        body: step.method === 'HEAD' ? '' : UNMATCHED,
      }
    },
  },
  {
    name: 'bodies of expectations are given back as they were put',
    reason: 'there they come in another form, with their bytes beside the text; what they match is the same',
    rewrite: withBodiesAsPut,
  },
  refused(
    'a pattern that is invalid, or could take very long, is refused',
    'there it never matches, or takes very long',
    /not a valid regular expression|needs something to negate|refused: it (?:repeats|has too many)/,
  ),
  {
    name: 'every live expectation is listed',
    reason: 'there, those whose method, path or whole request is negated are left out where no filter is given',
    explains: ({ step, real, ours }) => {
      if (!/retrieve\?type=active_expectations/i.test(step.target) || step.body !== undefined) return false
      const [theirs, own] = [real, ours].map((answer) => ('body' in answer ? jsonOf(String(answer.body)) : []))
      return Array.isArray(own) && isDeepStrictEqual(own.filter(isListedThere), theirs)
    },
  },
  {
    name: 'the reason phrase of a status is another',
    reason: 'it means nothing (RFC 9110 15.1), and the list of statuses here knows more',
    rewrite: (real, { ours }) =>
      OTHER_REASON.test(real.reason) && 'reason' in ours ? { ...real, reason: ours.reason } : real,
  },
  {
    name: 'a 304 has no length',
    reason: 'it has no body',
    rewrite: (real, { step }) =>
      !isCall(step) && real.status === 304 ? without(real, (name) => name === 'content-length') : real,
  },
  {
    name: 'two actions are refused, and nothing of them is kept',
    reason: 'there the expectation is refused and stays all the same',
    explains: ({ real, ours }) =>
      'body' in real &&
      'status' in ours &&
      ours.status === 400 &&
      String(real.body).startsWith('when multiple action types'),
  },
  {
    name: 'what came after 5.15 is spoken',
    reason: 'there it is refused, or never matches',
    versions: ['5.15.0'],
    explains: ({ step, before, real, ours }) => {
      if (isCall(step)) {
        if (!('status' in real && 'status' in ours)) return false
        const isOurs =
          ours.status === 201 ||
          // Wrong here as well, but for another reason.
          (ours.status === 400 && textOf(real).includes('$.httpResponses: is not defined in the schema'))
        return isOurs && real.status === (step.target.startsWith('/mockserver/import') ? 404 : 400)
      }
      if (before.some(({ target }) => target.startsWith('/mockserver/import'))) return true
      return before.some(({ body }) => typeof body === 'string' && SINCE_5_15.test(body))
    },
  },
  {
    name: 'a JSONPath to one place matches when something is there',
    reason: '5.15 finds nothing in an object, nor in one value alone',
    versions: ['5.15.0'],
    explains: ({ step, before }) =>
      !isCall(step) && before.some(({ body }) => typeof body === 'string' && body.includes('"jsonPath"')),
  },
  {
    name: 'a name that must be absent needs no entry of its own',
    reason: 'in 5.15 it counts among those that do',
    versions: ['5.15.0'],
    explains: ({ step, before, ours }) =>
      !isCall(step) &&
      'status' in ours &&
      ours.status === 200 &&
      before.some(({ body }) => typeof body === 'string' && /"![a-z-]+":|"name":"!/i.test(body)),
  },
  {
    name: 'what is sent twice is there twice',
    reason: '5.15 sees an entry that is sent twice once',
    versions: ['5.15.0'],
    explains: ({ step, real, ours }) => {
      if (isCall(step))
        return (
          textOf(ours).startsWith('[') &&
          sameHeaders(real, ours) &&
          isDeepStrictEqual(onceEach(jsonOf(textOf(real))), onceEach(jsonOf(textOf(ours))))
        )
      const entries = [
        ...(step.target.split('?')[1]?.split('&') ?? []),
        ...(step.headers ?? []).map((pair) => pair.join()),
      ]
      return 'status' in ours && ours.status === 200 && new Set(entries).size < entries.length
    },
  },
  refused('what is not spoken here yet is refused', 'there it is served', /not supported/),
  refused(
    'path parameters need a place in the path',
    'there such an expectation never matches',
    /the path has no \{name\} segment/,
  ),
  judged('the values of a name that must be absent do not matter', 'there another entry must have one of them'),
  judged('a name without values must be there', 'there it asks for nothing at all'),
  judged(
    'a name that must be absent goes with one that may be',
    'there a request without any entries fits only if all names are of one kind',
  ),
  judged('each value asked for needs an entry of its own', 'there it is enough that there are as many entries'),
  judged(
    'an optional name beside the same one without the mark is asked for apart',
    'there both are optional then, though one says that it is not',
  ),
  judged(
    'each name has its own values where MATCHING_KEY is asked for',
    'there a name that is a pattern also allows the values of the names that it fits',
  ),
  judged('GraphQL: the name of the operation counts however fields are compared', 'there only with NORMALISED_STRING'),
  {
    name: 'GraphQL: the variables count however fields are compared',
    reason: 'there only with NORMALISED_STRING, so a schema of them says nothing beside AST_EXACT and AST_SUBSET',
    explains: ({ step, before, real, ours }) =>
      !isCall(step) &&
      'status' in real &&
      'status' in ours &&
      real.status === 200 &&
      ours.status === 404 &&
      before.some(({ body }) => typeof body === 'string' && /"variablesSchema".*"AST_/.test(body)),
  },
  {
    name: 'a whole number is an integer however it is written',
    reason: 'so says JSON Schema from draft 06 on; 5.15 takes 1.0 and 1e0 for no integers inside of anyOf',
    versions: ['5.15.0'],
    explains: ({ step, before }) =>
      !isCall(step) &&
      typeof step.body === 'string' &&
      /^-?\d+(?:\.0+)?(?:e\d+)?$/i.test(step.body) &&
      before.some(({ body }) => typeof body === 'string' && /"anyOf":\[\{"type":"integer"/.test(body)),
  },
  judged('JSONPath is that of RFC 9535', "there it is Jayway's"),
  judged('null is JSON like any other', 'there a bare null matches nothing'),
  judged('text without a charset is UTF-8', 'there it is latin1 where a content type is given'),
  judged(
    'a prefix in an XPath may be one that the document declares',
    'there it matches nothing without namespacePrefixes',
  ),
  ...wantedOfActions,
  ...wantedOfControl,
  ...wantedOfRefusals,
]
