/** What all matchers of bodies that name their `type` have in common. */
import { z } from 'zod'
import { type Compiled, compileSchema } from '../content/json-schema.ts'
import type { BodyMatcher, BodyTest } from '../decide/matching/body.ts'
import { compilePattern, matchesPattern, type Pattern } from '../decide/matching/pattern.ts'

/** What every body with a `type` may say. How the text was sent is told in recorded requests and not compared. */
export const common = {
  type: z.string(),
  not: z.boolean().default(false),
  optional: z.boolean().default(false),
  contentType: z.string().optional(),
  rawBytes: z.string().optional(),
}
type Flags = { readonly not: boolean; readonly optional: boolean }

export const flags = ({ not, optional }: Flags): { negated: boolean; optional: boolean } => ({ negated: not, optional })

export const tested = (test: BodyTest, body: Flags): BodyMatcher => ({ kind: 'tested', test, ...flags(body) })

/** Turns what a compiler found wrong into a problem of the schema. */
export function compiling<I, T>(
  compile: (given: I) => Compiled<T>,
): (given: I, context: z.core.$RefinementCtx<I>) => T {
  return (given, context) => {
    const compiled = compile(given)
    if ('test' in compiled) return compiled.test
    context.issues.push({ code: 'custom', input: given, message: compiled.problem })
    return z.NEVER
  }
}

export const JsonSchema = z.unknown().transform(compiling(compileSchema))

/** Names of operations and methods: case counts. */
function compileName(source: string): Compiled<Pattern> {
  const compiled = compilePattern(source, { flags: 'su' })
  return 'pattern' in compiled ? { test: compiled.pattern } : compiled
}

/** A name: equal to the text, or matched by it as a pattern; case counts. */
export const Name = z.string().transform((source, context) => {
  const pattern = /^[\w/.-]+$/.test(source) ? undefined : compiling(compileName)(source, context)
  return (name: string): boolean => name === source || (pattern !== undefined && matchesPattern(pattern, name))
})
