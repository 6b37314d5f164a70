/** The calls about scenarios. Their errors are JSON, as MockServer's are; names are decoded, which they are not there. */
import { prettyJson } from '../decide/matching/pretty-json.ts'
import { MAX_SCENARIOS, type Scenario } from '../decide/matching/scenarios.ts'
import type { Json } from './message-json.ts'
import type { Call, Context, Handler } from './ports.ts'
import { readDocument } from './read-json.ts'
import { json, type Reply } from './reply.ts'

/** Of names of scenarios and states, as in expectations. */
const LONGEST = 256

const reply = (status: number, document: Json): Reply => json(status, prettyJson(document))
const refused = (error: string): Reply => reply(400, { error })
const failed = (why: string): Reply => refused(`failed to process scenario request: ${why}`)

const nowOf = (scenarioName: string, { nowMs }: Call, { store }: Context): Json => ({
  scenarioName,
  currentState: store.scenarios.stateOf(scenarioName, nowMs),
})

/** One scenario, or, where the path ends before a name, all that were moved. */
export const scenario: Handler = (call, context) => {
  const name = call.name ?? ''
  return name === '' ? scenarios(call, context) : reply(200, nowOf(name, call, context))
}

export const scenarios: Handler = ({ nowMs }, { store }) => {
  const known = store.scenarios.list(nowMs)
  return reply(200, {
    scenarios: known.map(({ name, state }) => ({ scenarioName: name, currentState: state })),
  })
}

/** The document of a call, whose `field` says a state; or the answer to another. */
const readState = (
  { body }: Call,
  field: string,
): { readonly given: Json; readonly state: string } | { readonly reply: Reply } => {
  const read = readDocument(body)
  if ('problem' in read) return { reply: failed(read.problem) }
  if (read.value === undefined) return { reply: refused(`request body is required with '${field}' field`) }
  const given: Json = Object(read.value)
  const state = given[field]
  if (state === undefined || state === null || state === '') return { reply: refused(`'${field}' field is required`) }
  if (!isState(state)) return { reply: failed(`'${field}' must be a string of at most ${LONGEST} characters`) }
  return { given, state }
}

const isState = (given: unknown): given is string =>
  typeof given === 'string' && given !== '' && given.length <= LONGEST

/** The step that a scenario takes by itself, if the document asks for one; or what is wrong with it. */
const readStep = ({
  nextState,
  transitionAfterMs,
}: Json): undefined | string | { readonly nextState: string; readonly transitionAfterMs: number } => {
  if ((nextState ?? transitionAfterMs ?? undefined) === undefined) return undefined
  if (!isState(nextState))
    return `'nextState' must be a string of at most ${LONGEST} characters, with a 'transitionAfterMs'`
  if (!Number.isSafeInteger(transitionAfterMs) || Number(transitionAfterMs) < 1)
    return "'transitionAfterMs' must be a whole number of at least 1, with a 'nextState'"
  return { nextState, transitionAfterMs: Number(transitionAfterMs) }
}

const move = (call: Call, context: Context, to: Scenario, more: Json): Reply => {
  const name = call.name ?? ''
  if (name === '') return refused('scenario name is required in the path')
  if (name.length > LONGEST) return failed(`a name has at most ${LONGEST} characters`)
  if (!context.store.scenarios.set(name, to)) return failed(`there are ${MAX_SCENARIOS} scenarios already`)
  return reply(200, { ...nowOf(name, call, context), ...more })
}

/** Puts a scenario into a state, which it may leave by itself after some time. */
export const setScenario: Handler = (call, context) => {
  const read = readState(call, 'state')
  if ('reply' in read) return read.reply
  const { state, given } = read
  const step = readStep(given)
  if (typeof step === 'string') return failed(step)
  const next = step && { state: step.nextState, atMs: call.nowMs + step.transitionAfterMs }
  return move(call, context, { state, next }, { ...step })
}

/** Puts a scenario into a state at once, as something outside that has happened. */
export const triggerScenario: Handler = (call, context) => {
  const read = readState(call, 'newState')
  return 'reply' in read ? read.reply : move(call, context, { state: read.state }, {})
}
