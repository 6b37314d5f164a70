/** `httpResponses`: several answers of one expectation, taken in turn, by chance, or one after the other for good. */
import { z } from 'zod'
import type { Respond } from '../../action.ts'
import type { TurnMode, Turns } from '../../decide/matching/turns.ts'
import { isRecord } from '../chosen-schema.ts'
import { Response } from './response.ts'

const MAX_RESPONSES = 10_000

/** At least one. */
const Responses = z.array(Response).min(1).max(MAX_RESPONSES)

/** Keys of an expectation that say what its turns are. */
export const turnShape = {
  httpResponses: Responses.optional(),
  responseMode: z.enum(['SEQUENTIAL', 'RANDOM', 'WEIGHTED', 'SWITCH']).optional(),
  responseWeights: z.array(z.int().min(1).max(1_000_000)).optional(),
  switchAfter: z.int().min(1).optional(),
}

type Read = { readonly [Key in keyof typeof turnShape]?: z.output<(typeof turnShape)[Key]> | undefined }

/** What does not go together, and at which key. */
export const problemWithTurns = (given: unknown): { readonly message: string; readonly key: string } | undefined => {
  if (!isRecord(given)) return undefined
  const responses = given['httpResponses']
  const stray = ['responseMode', 'responseWeights', 'switchAfter'].find((key) => given[key] !== undefined)
  if (responses === undefined)
    return stray ? { message: 'says how httpResponses take turns; give them', key: stray } : undefined
  const weights = given['responseWeights']
  if (Array.isArray(weights) && Array.isArray(responses) && weights.length !== responses.length)
    return { message: `expected one weight for each of the ${responses.length} responses`, key: 'responseWeights' }
  return undefined
}

const modeOf = ({ responseMode, responseWeights, switchAfter }: Read, count: number): TurnMode => {
  switch (responseMode) {
    case 'SWITCH':
      return { kind: 'switch', after: switchAfter ?? 1 }
    case 'WEIGHTED':
      return { kind: 'weighted', weights: responseWeights ?? Array.from({ length: count }, () => 1) }
    case 'RANDOM':
      return { kind: 'weighted', weights: Array.from({ length: count }, () => 1) }
    default:
      return { kind: 'sequential' }
  }
}

/** Undefined where there is one answer only. */
export const turnsOf = (read: Read): (Turns & { readonly first: Respond }) | undefined => {
  const { httpResponses = [] } = read
  const [first] = httpResponses
  return first && { first, actions: httpResponses, mode: modeOf(read, httpResponses.length) }
}
