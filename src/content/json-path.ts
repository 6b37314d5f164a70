/** JSONPath (RFC 9535) over JSON bodies, bounded in time. */
import type { FunctionExpressionType, JSONPathEnvironment, JSONValue } from 'json-p3'
import type { BodyTest } from '../decide/matching/body.ts'
import { compilePattern, matchesPattern } from '../decide/matching/pattern.ts'
import type { Compiled } from './json-schema.ts'
import { countValues, isShallow, jsonOf } from './json-value.ts'
import { jsonP3 } from './libraries.ts'
import { withinTime } from './within-time.ts'

/** Steps a query may take that finds nothing; each `..` multiplies them by the number of values. */
const STEP_BUDGET = 2 ** 22
const MAX_PATTERN = 200
/** Parsing and its tree cost memory for each character. */
const MAX_SOURCE = 65_536

/** Compiles a query; it matches a body in which it finds something that is neither null nor an empty list. */
export function compileJsonPath(source: string): Compiled<BodyTest> {
  if (source.length > MAX_SOURCE) return { problem: `a JSONPath of more than ${MAX_SOURCE} characters` }
  try {
    const query = jsonPathEnvironment().compile(source)
    const isSingular = query.singularQuery()
    const maxValues = maxValuesOf(source)
    const test: BodyTest = (body) => {
      const json = jsonOf(body, true)
      if (!json || !isShallow(json.value) || countValues(body.bytes) > maxValues) return false
      return withinTime(body.bytes.length, () => finds(query.match(json.value as JSONValue)?.value, isSingular))
    }
    return { test }
  } catch (error) {
    return { problem: `not a valid JSONPath: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** How many values a document may have for the query to be tried on it. */
export function maxValuesOf(source: string): number {
  const scans = Math.max(1, source.split('..').length - 1 + source.split('$').length - 2)
  return STEP_BUDGET ** (1 / scans)
}

/** A path to one place finds what stands there; any other finds as soon as there is a place. */
function finds(found: JSONValue | undefined, isSingular: boolean): boolean {
  if (found === undefined) return false
  return !isSingular || (found !== null && !(Array.isArray(found) && found.length === 0))
}

/** `match` and `search` run patterns within our bounds; one that cannot be run matches nothing, as RFC 9535 has it. */
export function jsonPathEnvironment(): JSONPathEnvironment {
  const { JSONPathEnvironment } = jsonP3()
  const engine = new JSONPathEnvironment({ strict: true, maxRecursionDepth: 1000 })
  engine.functionRegister.set('match', patternFunction(false))
  engine.functionRegister.set('search', patternFunction(true))
  return engine
}

function patternFunction(isSearched: boolean): {
  argTypes: FunctionExpressionType[]
  returnType: FunctionExpressionType
  call: (subject: unknown, pattern: unknown) => boolean
} {
  const { FunctionExpressionType } = jsonP3()
  // The pattern may come from the body: only the last one is kept.
  let last: { readonly source: string; readonly test: (subject: string) => boolean } | undefined
  return {
    argTypes: [FunctionExpressionType.ValueType, FunctionExpressionType.ValueType],
    returnType: FunctionExpressionType.LogicalType,
    call: (subject, source) => {
      if (typeof subject !== 'string' || typeof source !== 'string' || source.length > MAX_PATTERN) return false
      if (last?.source !== source) {
        const compiled = compilePattern(source, { flags: 'u', isSearched })
        const test = 'problem' in compiled ? () => false : (text: string) => matchesPattern(compiled.pattern, text)
        last = { source, test }
      }
      return last.test(subject)
    },
  }
}
