import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { compileExpectation, type ExpectationSpec } from '../decide/matching/expectation.ts'
import type { Read } from '../decide/matching/filter.ts'
import { prettyJson } from '../decide/matching/pretty-json.ts'
import { expectationJson } from './expectation-json.ts'
import type { Call, Context, Handler } from './ports.ts'
import { readDocument } from './read-json.ts'
import { json, type Reply, text } from './reply.ts'
import { errorsText, formatError, joinedErrors, required } from './texts.ts'

const WHAT = 'expectation'
/** What refusals of OpenAPI documents begin with. */
export const UNABLE = 'Unable to load API spec'
const IN_SPEC = /^\$(?:\.httpRequest)?\.specUrlOrPayload(?!: missing)[.:]? ?(.*)$/s
/** A document of thousands of mistakes is not helped by thousands of errors. */
const MAX_LISTED = 20
/** So many are counted; then the rest is not read. */
const MAX_COUNTED = 1000
/** How long items are read before others have their turn. */
const TURN_MS = 20

/** Adds or replaces expectations, all of a document or none. */
export const putExpectation: Handler = async (call, context) => {
  const { version } = context.limits
  const read = readDocument(call.body)
  if ('problem' in read) return text(400, formatError(WHAT, read.text, [`$: ${read.problem}`], version))
  if (read.value === undefined) return text(400, required('an expectation or expectation array'))
  const items = await readItems(WHAT, read.value, context.documents.expectation, version)
  return 'error' in items ? text(400, items.error) : storeExpectations(items.specs, call, context)
}

/**
 * The expectations of one item or of a list of them, or all that is wrong with any. A long list is read in turns, between
 * which others are answered.
 */
export const readItems = async (
  what: string,
  document: unknown,
  readItem: (given: unknown) => Read<readonly ExpectationSpec[]>,
  version: string,
): Promise<{ readonly specs: readonly ExpectationSpec[] } | { readonly error: string }> => {
  const items: readonly unknown[] = Array.isArray(document) ? document : [document]
  if (items.length === 0) return { error: errorsText(['an expectation or array of expectations is required']) }
  const errors: string[] = []
  const specs: ExpectationSpec[] = []
  let turnEndsMs = performance.now() + TURN_MS
  for (const given of items) {
    if (performance.now() > turnEndsMs) {
      await setImmediate()
      turnEndsMs = performance.now() + TURN_MS
    }
    const result = readItem(given)
    if ('value' in result) for (const spec of result.value) specs.push(spec)
    else errors.push(errors.length < MAX_LISTED ? itemError(what, given, result.problems, version) : '')
    if (errors.length === MAX_COUNTED) break
  }
  if (errors.length > MAX_LISTED) {
    const atLeast = errors.length === MAX_COUNTED ? 'at least ' : ''
    return {
      error: joinedErrors([...errors.slice(0, MAX_LISTED), `… and ${atLeast}${errors.length - MAX_LISTED} more`]),
    }
  }
  return errors.length > 0 ? { error: joinedErrors(errors) } : { specs }
}

/** Of a mistake in an OpenAPI document the place is told; printing all of the document would bury it. */
const itemError = (what: string, given: unknown, problems: readonly string[], version: string): string => {
  const inSpec = problems.map((problem) => IN_SPEC.exec(problem)?.[1])
  if (!inSpec.every((problem) => problem !== undefined)) return formatError(what, given, problems, version)
  return `${UNABLE}, ${inSpec.length === 1 ? (inSpec[0] ?? '') : errorsText(inSpec)}`
}

/** Stores all of them, where there is room, and answers with what they have become. */
export const storeExpectations = (
  specs: readonly ExpectationSpec[],
  call: Call,
  { store, log, admit, shown, limits: { maxExpectations } }: Context,
): Reply => {
  const admitted = admit(specs, call.nowMs)
  if ('problems' in admitted) return text(400, errorsText(admitted.problems))
  const expectations = admitted.value.map((spec) => compileExpectation(spec, randomUUID()))
  const known = new Set(expectations.map(({ id }) => id).filter((id) => store.get(id, call.nowMs)))
  const added = new Set(expectations.map(({ id }) => id)).size - known.size
  if (added > 0 && store.size + added > maxExpectations) {
    return text(400, errorsText([`there is no room: maxExpectations is ${maxExpectations}`]))
  }
  store.upsert(expectations, call.nowMs)
  const stored = expectations.map((expectation) => {
    return expectationJson(shown({ expectation, remainingTimes: expectation.remainingTimes }))
  })
  for (const one of stored) {
    const isNew = !known.has(String(one['id']))
    if (isNew) log.note('CREATED_EXPECTATION', call.nowMs, 'creating expectation:{}with id:{}', one, one['id'])
    else log.note('UPDATED_EXPECTATION', call.nowMs, 'updating expectation:{}with id:{}', one, one['id'])
  }
  return json(201, prettyJson(stored))
}
