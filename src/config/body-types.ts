/** What bodies to match and bodies to serve have in common. */
import { z } from 'zod'
import { parseJson } from '../decide/matching/json.ts'
import { refused } from './chosen-schema.ts'

/** An object whose `type` is one of these is a body matcher or a body; any other object is JSON to match or to serve. */
export const TYPES = new Set<unknown>(
  'STRING JSON BINARY REGEX JSON_SCHEMA JSON_PATH XML XML_SCHEMA XPATH PARAMETERS GRAPHQL MULTIPART FUZZY JSON_RPC FILE WASM ALL_OF'.split(
    ' ',
  ),
)

/** One problem, at `type`: the other keys of such a body would be right in a version that has it. */
export function unsupported(type: unknown): z.ZodType<never> {
  return z.looseObject({ type: refused(`body type ${String(type)} is not supported yet`) }).transform(() => z.NEVER)
}

/** JSON given as a string is kept as it is written. */
export const JsonText = z.string().superRefine((text, context) => {
  try {
    parseJson(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    context.addIssue({ code: 'custom', message: `not valid JSON: ${reason}` })
  }
})
