/** The head of an upstream's answer as an expectation changes it. Pure. */
import type { AnswerHead, ResponseStep } from '../action.ts'
import type { RequestHead } from '../flow.ts'
import { changedHeaders, changedSetCookies, withoutHeaders } from './changed-pairs.ts'

export type Patch = NonNullable<ResponseStep['patch']>

export interface ChangedAnswer {
  readonly head: AnswerHead
  /** What is to be done to the body, in order. */
  readonly patches: readonly Patch[]
}

const after = (head: AnswerHead, { statusCode, reasonPhrase, headers, cookies }: ResponseStep): AnswerHead => {
  let now: readonly string[] = head.headers
  if (headers) now = changedHeaders(now, headers)
  for (const one of cookies ?? []) now = changedSetCookies(now, one)
  const code = statusCode ?? head.statusCode
  // The phrase of one status says nothing of another.
  const reason = reasonPhrase ?? (code === head.statusCode ? head.reasonPhrase : undefined)
  return { statusCode: code, headers: now, ...(reason === undefined ? {} : { reasonPhrase: reason }) }
}

/** The head after all the steps. */
export const changedAnswer = (
  answer: AnswerHead,
  steps: readonly ResponseStep[],
  asked: RequestHead,
  replacesBody: boolean,
): ChangedAnswer => {
  // What tells of the upstream's body is not true of another one.
  const headers = replacesBody ? withoutHeaders(answer.headers, 'content-encoding', 'content-range') : answer.headers
  let head: AnswerHead = { ...answer, headers }
  const patches: Patch[] = []
  const take = (all: readonly ResponseStep[]): void => {
    for (const step of all) {
      if (step.when && !step.when(head, asked)) continue
      if (step.steps) {
        take(step.steps)
        continue
      }
      head = after(head, step)
      if (step.patch) patches.push(step.patch)
    }
  }
  take(steps)
  return { head, patches }
}

const hasBody = (statusCode: number): boolean => statusCode >= 200 && statusCode !== 204 && statusCode !== 304

export const withoutLength = (headers: readonly string[]): string[] => withoutHeaders(headers, 'content-length')

/**
 * The headers with a length that is true for the client: a status that has a body in place of one that has none, or an answer
 * to a HEAD that the client did not send, has an empty one.
 */
export const framedFor = (
  { statusCode, headers }: AnswerHead,
  was: { readonly statusCode: number; readonly method: string },
  clientMethod: string,
): readonly string[] => {
  if (statusCode === 204) return withoutLength(headers)
  const isEmpty = !hasBody(was.statusCode) || (was.method === 'HEAD' && clientMethod !== 'HEAD')
  const mayHaveBody = hasBody(statusCode) && clientMethod !== 'HEAD'
  return isEmpty && mayHaveBody ? [...withoutLength(headers), 'content-length', '0'] : headers
}
