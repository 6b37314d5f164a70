import { randomUUID } from 'node:crypto'
import { compileExpectation } from '../decide/matching/expectation.ts'
import { prettyJson } from '../decide/matching/pretty-json.ts'
import { expectationJson } from './expectation-json.ts'
import type { Handler } from './ports.ts'
import { readDocument } from './read-json.ts'
import { json, text } from './reply.ts'
import { errorsText, formatError, joinedErrors, required } from './texts.ts'

const WHAT = 'expectation'
/** A document of thousands of mistakes is not helped by thousands of errors. */
const MAX_LISTED = 20

/** Adds or replaces expectations, all of a document or none. */
export const putExpectation: Handler = (call, { store, log, documents, limits: { maxExpectations } }) => {
  const read = readDocument(call.body)
  if ('problem' in read) return text(400, formatError(WHAT, read.text, [`$: ${read.problem}`]))
  if (read.value === undefined) return text(400, required('an expectation or expectation array'))
  const items: readonly unknown[] = Array.isArray(read.value) ? read.value : [read.value]
  if (items.length === 0) return text(400, errorsText(['an expectation or array of expectations is required']))
  const errors: string[] = []
  const specs = items.flatMap((given) => {
    const result = documents.expectation(given)
    if ('value' in result) return [result.value]
    errors.push(errors.length < MAX_LISTED ? formatError(WHAT, given, result.problems) : '')
    return []
  })
  if (errors.length > MAX_LISTED) {
    return text(400, joinedErrors([...errors.slice(0, MAX_LISTED), `… and ${errors.length - MAX_LISTED} more`]))
  }
  if (errors.length > 0) return text(400, joinedErrors(errors))
  const expectations = specs.map((spec) => compileExpectation(spec, randomUUID()))
  const known = new Set(expectations.map(({ id }) => id).filter((id) => store.get(id, call.nowMs)))
  const added = new Set(expectations.map(({ id }) => id)).size - known.size
  if (added > 0 && store.size + added > maxExpectations) {
    return text(400, errorsText([`there is no room: maxExpectations is ${maxExpectations}`]))
  }
  store.upsert(expectations, call.nowMs)
  const stored = expectations.map((expectation) => {
    return expectationJson({ expectation, remainingTimes: expectation.remainingTimes })
  })
  for (const one of stored) {
    const isNew = !known.has(String(one['id']))
    if (isNew) log.note('CREATED_EXPECTATION', call.nowMs, 'creating expectation:{}with id:{}', one, one['id'])
    else log.note('UPDATED_EXPECTATION', call.nowMs, 'updating expectation:{}with id:{}', one, one['id'])
  }
  return json(201, prettyJson(stored))
}
