/** OpenAPI documents for tests, and requests tried on them. */
import assert from 'node:assert/strict'
import { openApiExpectations, openApiMatcher } from '../../src/content/openapi/openapi.ts'
import type { Wanted } from '../../src/content/openapi/responses.ts'
import type { RequestHead } from '../../src/flow.ts'
import { answer, storeOf } from '../unit/decide/build.ts'

export type Json = Readonly<Record<string, unknown>>

/** A document of these paths; `rest` may replace the version. */
export const api = (paths: unknown, rest: Json = {}): Json => ({
  openapi: '3.0.3',
  info: { title: 'Shop', version: '1' },
  paths,
  ...rest,
})

/** A document of one operation, `POST /a` unless another path is given. */
export const postOf = (operation: Json, rest: Json = {}, path = '/a'): Json =>
  api({ [path]: { post: { responses: {}, ...operation } } }, rest)

/** Whether a request satisfies the only operation, or any of several; `ask body` where the head alone does not tell. */
export const verdict = (document: unknown, head: RequestHead, body?: Buffer | string): string => {
  const made = openApiMatcher(document, undefined)
  assert.ok('value' in made, JSON.stringify(made))
  const store = storeOf({ httpRequest: { operations: made.value } })
  const found = answer(store, head, body)
  return found === '0' ? 'yes' : found === 'none' ? 'no' : found
}

/** What is wrong with a document, a line each. */
export const faultsOf = (document: unknown, wanted?: ReadonlyMap<string, Wanted>): string[] => {
  const made = openApiExpectations(document, wanted)
  return 'faults' in made ? made.faults.map(({ at, message }) => `${at.join('/')}: ${message}`) : []
}

/** The answers of a document, by operation. */
export const answersOf = (
  document: unknown,
  wanted: Readonly<Record<string, Wanted>> | undefined = undefined,
): Json => {
  const made = openApiExpectations(document, wanted && new Map(Object.entries(wanted)))
  assert.ok('value' in made, JSON.stringify(made))
  return Object.fromEntries(
    made.value.map(({ httpRequest, httpResponse }) => [String(httpRequest['operationId']), httpResponse]),
  )
}
