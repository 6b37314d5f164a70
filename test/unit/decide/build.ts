/** Requests and expectations for tests, in few words. */
import type { MockResponse } from '../../../src/action.ts'
import { compileExpectation, type Expectation, type ExpectationSpec } from '../../../src/decide/matching/expectation.ts'
import { createExpectationStore, type ExpectationStore } from '../../../src/decide/matching/store.ts'
import type { RequestHead } from '../../../src/flow.ts'

export const OK: MockResponse = { statusCode: 200, headers: [], body: Buffer.from('ok'), delayMs: 0 }

/** `head('GET /a?b=1', 'accept', 'x')` */
export function head(line: string, ...headers: string[]): RequestHead {
  const [method = '', target = ''] = line.split(' ')
  const at = target.indexOf('?')
  const path = at === -1 ? target : target.slice(0, at)
  return { method, target, path, query: at === -1 ? '' : target.slice(at + 1), httpVersion: '1.1', headers }
}

export function expectation(spec: Partial<ExpectationSpec> = {}, id = 'e'): Expectation {
  const action = { kind: 'respond', response: OK } as const
  return compileExpectation({ priority: 0, action, remainingTimes: Infinity, timeToLiveMs: Infinity, ...spec }, id)
}

/** A store of one expectation for each request matcher, with ids '0', '1' … */
export function storeOf(...specs: readonly Partial<ExpectationSpec>[]): ExpectationStore {
  return createExpectationStore(
    specs.map((spec, index) => expectation(spec, String(index))),
    0,
  )
}

/** The id of the expectation that answers, or how it was left open. */
export function answer(
  store: ExpectationStore,
  request: RequestHead,
  body: Buffer | string | 'unavailable' | undefined = undefined,
  nowMs = 0,
): string {
  const bytes = typeof body === 'string' && body !== 'unavailable' ? Buffer.from(body) : body
  const result = store.match({ head: request, body: bytes as Buffer | 'unavailable' | undefined, nowMs })
  return result.kind === 'matched' ? result.expectation.id : result.kind
}
