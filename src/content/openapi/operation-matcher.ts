/** An operation as a matcher of requests. */
import { compilePattern } from '../../decide/matching/pattern.ts'
import type { HeadTest } from '../../decide/matching/request.ts'
import type { OperationSpec } from '../../decide/matching/request-spec.ts'
import type { Json } from './faults.ts'
import { type Operation, pathOf } from './operations.ts'
import { compileParameter, type Making, type ParameterTest, type Sources } from './parameters.ts'
import { compileRequestBody } from './request-bodies.ts'
import { compileSecurity } from './security.ts'

/** `contextPathPrefix` goes before the paths of the servers. */
export function compileOperation(
  operation: Operation,
  root: Json,
  contextPathPrefix: string,
  making: Making,
): OperationSpec {
  const { names, source } = pathPattern(operation, pathOf(contextPathPrefix))
  const compiled = compilePattern(source)
  if ('problem' in compiled) making.report(operation.at, `this path cannot be matched: ${compiled.problem}`)
  const parameters = operation.parameters.flatMap((one) => compileParameter(one, making) ?? [])
  const security = compileSecurity(operation, root, making.follow, making.report)
  return {
    method: { value: operation.method, negated: false, optional: false },
    path: { value: source, negated: false, optional: false },
    head: headTest(names, 'pattern' in compiled ? source : '', parameters, security),
    body: compileRequestBody(operation.requestBody, making),
  }
}

const literal = (text: string): string => text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')

/** The path as a regular expression, with a group for each `{name}`. */
function pathPattern({ path, prefixes }: Operation, context: string): { names: readonly string[]; source: string } {
  const names: string[] = []
  const parts = path.split(/(\{[^{}/]*\})/).map((part) => {
    if (!/^\{[^{}/]*\}$/.test(part)) return literal(part)
    names.push(part.slice(1, -1))
    return '([^/]+)'
  })
  const starts = prefixes.map((prefix) => literal(`${context}${prefix}`))
  const start = starts.length === 1 ? (starts[0] ?? '') : `(?:${starts.join('|')})`
  return { names, source: `${start}${parts.join('')}` }
}

function headTest(
  names: readonly string[],
  source: string,
  parameters: readonly ParameterTest[],
  security: ((sources: Sources) => boolean) | undefined,
): HeadTest | undefined {
  if (parameters.length === 0 && !security) return undefined
  const regex = names.length > 0 ? new RegExp(`^(?:${source})$`, 'siu') : undefined
  return (head, query, cookies) => {
    // The path has been matched by then, so this is as bounded as that was.
    const groups = regex?.exec(head.path) ?? []
    const path = new Map(names.map((name, at) => [name, groups[at + 1] ?? '']))
    const sources: Sources = { path, query, headers: head.headers, cookies }
    if (security && !security(sources)) return 'headers'
    return parameters.find((one) => !one.test(sources))?.field
  }
}
