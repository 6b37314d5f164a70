/** JSON-RPC 2.0 requests, alone or in a batch. */
import type { BodyTest } from '../decide/matching/body.ts'
import { jsonOf } from './json-value.ts'
import { withinTime } from './within-time.ts'

/** A body matches when one of its requests has such a method and, where they are judged, such parameters. */
export function matchJsonRpc(
  method: (name: string) => boolean,
  parameters: ((value: unknown) => boolean) | undefined,
): BodyTest {
  const fits = (request: unknown): boolean => {
    if (typeof request !== 'object' || request === null || !('jsonrpc' in request) || request.jsonrpc !== '2.0') {
      return false
    }
    if (!('method' in request) || typeof request.method !== 'string' || !method(request.method)) return false
    return !parameters || ('params' in request && parameters(request.params))
  }
  return (body) => {
    const json = jsonOf(body, false)
    if (!json) return false
    return withinTime(body.bytes.length, () => (Array.isArray(json.value) ? json.value.some(fits) : fits(json.value)))
  }
}
