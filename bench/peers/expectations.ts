/** Stubs in MockServer's language, which Understudy speaks too. */

import type { Stub } from './peer.ts'
import { portions, tell } from './program.ts'

const AT_ONCE = 500

const expectationOf = ({ method, path, json, answer }: Stub, index: number): unknown => ({
  id: `stub-${index}`,
  httpRequest: {
    ...(method === undefined ? {} : { method }),
    path: 'literal' in path ? path.literal : path.pattern,
    ...(json === undefined ? {} : { body: { type: 'JSON', json, matchType: 'STRICT' } }),
  },
  httpResponse: { statusCode: 200, headers: { 'content-type': ['application/json'] }, body: answer },
})

/** Replaces all expectations of a server that speaks MockServer's API. */
export const loadExpectations = async (url: string, stubs: readonly Stub[]): Promise<void> => {
  await tell('PUT', `${url}/mockserver/reset`)
  for (const some of portions(stubs.map(expectationOf), AT_ONCE)) {
    await tell('PUT', `${url}/mockserver/expectation`, some)
  }
}
