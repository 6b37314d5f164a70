/** The calls about settings. They have our names: MockServer's are about other parts than we have. */
import { prettyJson } from '../decide/matching/pretty-json.ts'
import type { Context, Handler } from './ports.ts'
import { readChecked } from './read-json.ts'
import { json, type Reply, text } from './reply.ts'
import { required } from './texts.ts'

const all = ({ settings: known }: Context): Reply => json(200, prettyJson(known.current()))

export const settings: Handler = (_call, context) => all(context)

/** Every setting with its value and where that comes from. */
export const listSettings: Handler = (_call, { settings: known }) =>
  json(
    200,
    prettyJson(
      Object.entries(known.current()).map(([name, value]) => ({
        name,
        value: typeof value === 'string' ? value : JSON.stringify(value),
        source: known.sourceOf(name),
      })),
    ),
  )

/** Changes what is named, all of it or nothing; the answer is all settings. */
export const changeSettings: Handler = (call, context) => {
  const read = readChecked(
    call.body,
    'configuration',
    required('a configuration'),
    context.settings.change,
    context.limits.version,
  )
  return 'refusal' in read ? text(400, read.refusal) : all(context)
}

/** Mode → what becomes of requests that nothing matches. SPY and CAPTURE differ in nothing here: all is recorded. */
const MODES = { SIMULATE: 'refuse', SPY: 'forward', CAPTURE: 'forward' } as const
type Mode = keyof typeof MODES
const NAMES = Object.keys(MODES).join(', ')

const isMode = (name: string): name is Mode => Object.hasOwn(MODES, name)

const modeReply = (name: Mode): Reply =>
  json(200, JSON.stringify({ mode: name, proxyUnmatchedRequests: MODES[name] === 'forward' }))

export const mode: Handler = (_call, context) =>
  modeReply(context.settings.current()['onUnmatched'] === 'refuse' ? 'SIMULATE' : 'SPY')

export const changeMode: Handler = ({ query }, context) => {
  const given = query.get('mode') ?? ''
  if (given === '') return text(400, `mode is required (one of ${NAMES})`)
  const name = given.toUpperCase()
  if (!isMode(name)) return text(400, `unknown mode '${given.slice(0, 100)}' (expected one of ${NAMES})`)
  const changed = context.settings.change({ onUnmatched: MODES[name] })
  return 'problems' in changed ? text(400, changed.problems.join('\n')) : modeReply(name)
}
