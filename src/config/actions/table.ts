/** Every action that an expectation may name; it names exactly one. A new one is a file here, a row here, and a file in `act/`. */
import type { z } from 'zod'
import type { Action } from '../../action.ts'
import type { ExpectationSpec } from '../../decide/matching/expectation.ts'
import { isRecord, notYetKeys, refused } from '../chosen-schema.ts'
import { ForwardCallback, ResponseCallback } from './callback.ts'
import { ErrorAction } from './error.ts'
import { ForwardWithFallback } from './fallback.ts'
import { ForwardTo } from './forward.ts'
import { Override } from './override.ts'
import { Response } from './response.ts'
import { SseResponse } from './sse.ts'
import { ForwardTemplate, ResponseTemplate } from './template.ts'
import { problemWithTurns, turnShape, turnsOf } from './turns.ts'
import { WebSocketResponse } from './websocket.ts'

const ACTIONS = {
  httpResponse: Response.optional(),
  httpResponseTemplate: ResponseTemplate.optional(),
  httpResponseObjectCallback: ResponseCallback.optional(),
  httpSseResponse: SseResponse.optional(),
  httpWebSocketResponse: WebSocketResponse.optional(),
  httpError: ErrorAction.optional(),
  httpForward: ForwardTo.optional(),
  httpForwardTemplate: ForwardTemplate.optional(),
  httpOverrideForwardedRequest: Override.optional(),
  httpForwardWithFallback: ForwardWithFallback.optional(),
  httpForwardObjectCallback: ForwardCallback.optional(),
} satisfies Readonly<Record<string, z.ZodType<Action | undefined>>>

type ActionName = keyof typeof ACTIONS
const NAMES = Object.keys(ACTIONS) as readonly ActionName[]

const NO_CLASSES = 'not supported: there is no JVM here that could load a class; use an object callback or a template'
const ABSENT = {
  ...notYetKeys(['httpForwardValidateAction', 'httpLlmResponse', 'grpcStreamResponse', 'grpcBidiResponse']),
  ...notYetKeys(['binaryResponse', 'dnsResponse', 'steps', 'beforeActions', 'afterActions']),
  httpResponseClassCallback: refused(NO_CLASSES).optional(),
  httpForwardClassCallback: refused(NO_CLASSES).optional(),
}

/** Keys that name an action; one of them is there. */
const NAMING = [...NAMES, ...Object.keys(ABSENT), 'httpResponses']

/** Keys of an expectation that say what it does. */
export const actionShape = { ...ACTIONS, ...turnShape, ...ABSENT }

interface Problem {
  readonly message: string
  readonly path: readonly string[]
}

/** What is wrong with how many actions are given, if anything is, and at which key. */
export const problemWithActions = (given: unknown): Problem | undefined => {
  if (!isRecord(given)) return undefined
  const [first, second] = NAMING.filter((name) => given[name] !== undefined)
  if (first === undefined) return { message: 'no action: give httpResponse, httpForward or another one', path: [] }
  if (second !== undefined) return { message: `one action only: there is ${first} already`, path: [second] }
  const problem = problemWithTurns(given)
  return problem && { message: problem.message, path: [problem.key] }
}

type Read = Readonly<Partial<Record<ActionName, Action | undefined>>> & Parameters<typeof turnsOf>[0]

/** The one that is there, read, with its turns; `undefined` where its problems have been told. */
export const actionOf = (read: Read): Pick<ExpectationSpec, 'action' | 'turns'> | undefined => {
  for (const name of NAMES) if (read[name]) return { action: read[name] }
  const turns = turnsOf(read)
  return turns && { action: turns.first, turns }
}
