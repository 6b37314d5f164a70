/** What became of a rendering. */

import { parseLenientJson } from './lenient-json.ts'
import { TemplateStop } from './meter.ts'
import type { Rendered } from './template.ts'

/** Rendered text as the document it must be. */
export function documentOf(text: string): Rendered {
  const parsed = parseLenientJson(text)
  if ('problem' in parsed) return { problem: `what the template renders is not JSON: ${parsed.problem}` }
  const { value } = parsed
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { document: value }
  return { problem: 'what the template renders is JSON, but not an object' }
}

/** The problem of a rendering that ended early, whatever ended it: it is one flow's alone. */
export function failure(error: unknown): Rendered {
  if (error instanceof TemplateStop) return { problem: error.message }
  if (error instanceof RangeError) return { problem: 'the template goes too deep or makes too much' }
  return { problem: `the template failed: ${error instanceof Error ? error.message : String(error)}` }
}
