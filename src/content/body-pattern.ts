/**
 * Regular expressions over whole bodies. Node's engine backtracks, which is bounded by how long a subject a pattern may
 * be tried on; on a longer one, and for patterns that may not be tried at all, a linear engine takes over. It is not
 * used for everything, because it lacks references and lookarounds and starts more slowly.
 */
import type { RE2JS } from 're2js'
import { type BodyTest, textOf } from '../decide/matching/body.ts'
import { compilePattern, matchesPattern } from '../decide/matching/pattern.ts'
import type { Compiled } from './json-schema.ts'
import { re2js } from './libraries.ts'

const MAX_SUBJECT = 1024 * 1024
/** No engine is given a longer pattern. */
const MAX_SOURCE = 65_536
/** Measured: at worst about a millisecond for each KiB. */
const MAX_LINEAR_SUBJECT = 256 * 1024

/** Compiles a pattern that must match all of a body, without regard to case. */
export function compileBodyPattern(source: string): Compiled<BodyTest> {
  if (source.length > MAX_SOURCE) return { problem: `a regular expression of more than ${MAX_SOURCE} characters` }
  const compiled = compilePattern(source, { maxSubject: MAX_SUBJECT })
  const linear = linearPattern(source)
  if ('problem' in compiled) return linear ? { test: (body) => fits(linear, textOf(body)) } : compiled
  const { pattern } = compiled
  const test: BodyTest = (body) => {
    const subject = textOf(body)
    if (subject.length <= pattern.maxLength) return matchesPattern(pattern, subject)
    return linear !== undefined && fits(linear, subject)
  }
  return { test }
}

function fits(linear: RE2JS, subject: string): boolean {
  return subject.length <= MAX_LINEAR_SUBJECT && linear.matches(subject)
}

/** Undefined for what the linear engine does not know. */
function linearPattern(source: string): RE2JS | undefined {
  const { RE2JS } = re2js()
  try {
    return RE2JS.compile(source, RE2JS.CASE_INSENSITIVE | RE2JS.DOTALL)
  } catch {
    return undefined
  }
}
