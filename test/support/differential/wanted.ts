/**
 * Where the answers here are meant to differ from those of MockServer. docs/mockserver-compatibility.md tells users of
 * each; whatever differs and is not in this table is a mistake, here or there.
 */
import type { Wanted } from './compare.ts'
import { type Answered, isCall } from './exchange.ts'

const without = (answer: Answered, names: (name: string) => boolean): Answered => ({
  ...answer,
  headers: Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !names(name))),
})

/** A row for a request that is judged differently in the examples of areas/quirks.ts, whose ids are the rows' names. */
const judged = (name: string, reason: string): Wanted => ({
  name,
  reason,
  explains: ({ step, before }) =>
    !isCall(step) && before.some(({ body }) => typeof body === 'string' && body.includes(JSON.stringify(name))),
})

const UNMATCHED = 'understudy: no expectation matches this request, and unmatched requests are not forwarded\n'

export const wanted: readonly Wanted[] = [
  {
    name: 'CORS headers are for those who say where they come from',
    reason: 'without an Origin nobody reads them; 8.0 sends them with every answer of the API',
    versions: ['8.0.0'],
    rewrite: (real, step) =>
      isCall(step) && !step.headers?.some(([name]) => name === 'origin')
        ? without(real, (name) => name.startsWith('access-control-'))
        : real,
  },
  {
    name: 'a connection that is kept is not announced with an answer to mocked traffic',
    reason: 'HTTP/1.1 keeps it anyway',
    rewrite: (real, step) =>
      !isCall(step) && real.headers['connection']?.join() === 'keep-alive'
        ? without(real, (name) => name === 'connection')
        : real,
  },
  {
    name: 'a request that nothing matches is told so',
    reason: 'an empty 404 does not say whose it is; and nothing about other expectations is said to whoever asks',
    rewrite: (real, step) => {
      if (isCall(step) || real.status !== 404 || real.body !== '') return real
      return {
        ...real,
        headers: {
          ...(real.headers['connection']?.join() === 'close' ? { connection: ['close'] } : {}),
          'content-length': ['<body>'],
          'content-type': ['text/plain; charset=utf-8'],
          'x-understudy-reason': ['no_expectation'],
        },
        body: step.method === 'HEAD' ? '' : UNMATCHED,
      }
    },
  },
  judged('the values of a name that must be absent do not matter', 'there another entry must have one of them'),
  judged('a name without values must be there', 'there it asks for nothing at all'),
  judged('each value asked for needs an entry of its own', 'there it is enough that there are as many entries'),
  judged(
    'an optional name beside the same one without the mark is asked for apart',
    'there both are optional then, though one says that it is not',
  ),
]
