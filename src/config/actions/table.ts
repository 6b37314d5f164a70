/** Every action that an expectation may name; it names exactly one. A new one is a file here, a row here, and a file in `act/`. */
import type { z } from 'zod'
import type { Action } from '../../action.ts'
import { isRecord, notYetKeys, refused } from '../chosen-schema.ts'
import { ErrorAction } from './error.ts'
import { ForwardTo } from './forward.ts'
import { Response } from './response.ts'

const ACTIONS = {
  httpResponse: Response.optional(),
  httpError: ErrorAction.optional(),
  httpForward: ForwardTo.optional(),
} satisfies Readonly<Record<string, z.ZodType<Action | undefined>>>

type ActionName = keyof typeof ACTIONS
const NAMES = Object.keys(ACTIONS) as readonly ActionName[]

const NO_CLASSES = 'not supported: there is no JVM here that could load a class; use an object callback or a template'
const ABSENT = {
  ...notYetKeys([
    'httpResponseTemplate',
    'httpResponseObjectCallback',
    'httpResponses',
    'httpForwardTemplate',
    'httpForwardObjectCallback',
    'httpOverrideForwardedRequest',
    'httpForwardWithFallback',
    'httpSseResponse',
    'httpWebSocketResponse',
  ]),
  ...notYetKeys(['httpForwardValidateAction', 'httpLlmResponse', 'grpcStreamResponse', 'grpcBidiResponse']),
  ...notYetKeys(['binaryResponse', 'dnsResponse', 'steps', 'beforeActions', 'afterActions']),
  httpResponseClassCallback: refused(NO_CLASSES).optional(),
  httpForwardClassCallback: refused(NO_CLASSES).optional(),
}

/** Keys of an expectation that name its action. */
export const actionShape = { ...ACTIONS, ...ABSENT }

/** What is wrong with how many actions are given, if anything is, and at which key. */
export const problemWithActions = (
  given: unknown,
): { readonly message: string; readonly path: readonly string[] } | undefined => {
  if (!isRecord(given)) return undefined
  const [first, second] = Object.keys(actionShape).filter((name) => given[name] !== undefined)
  if (first === undefined) return { message: 'no action: give httpResponse, httpForward or another one', path: [] }
  return second === undefined ? undefined : { message: `one action only: there is ${first} already`, path: [second] }
}

/** The one that is there, read; `undefined` where its problems have been told. */
export const actionOf = (read: Readonly<Partial<Record<ActionName, Action | undefined>>>): Action | undefined => {
  for (const name of NAMES) if (read[name]) return read[name]
  return undefined
}
