/** JSON of unknown origin: bounded in depth before it is parsed, and never thrown about. */
import type { Read } from '../decide/matching/filter.ts'
import { relaxJson } from './relaxed-json.ts'
import { formatError } from './texts.ts'

/** Deeper documents would exhaust the stack of whoever walks through them. */
const MAX_DEPTH = 200
/** Making a document strict takes longer than parsing it; nobody writes more by hand. */
const MAX_WRITTEN_CHARACTERS = 2 * 1024 * 1024

/** How deep braces and brackets outside of strings are nested. */
const depthOf = (text: string): number => {
  let depth = 0
  let deepest = 0
  let isString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isString) {
      if (code === 0x5c) at++
      else if (code === 0x22) isString = false
    } else if (code === 0x22) isString = true
    else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (code === 0x7d || code === 0x5d) depth--
  }
  return deepest
}

export const readJsonText = (text: string): { readonly value: unknown } | { readonly problem: string } => {
  return depthOf(text) > MAX_DEPTH ? TOO_DEEP : parsed(text)
}

const TOO_DEEP = { problem: `nested more than ${MAX_DEPTH} deep` }

const parsed = (text: string): { readonly value: unknown } | { readonly problem: string } => {
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    return { problem: `not valid JSON: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** As people write it by hand, where it is not strict. */
const readWrittenJson = (text: string): { readonly value: unknown } | { readonly problem: string } => {
  const strict = readJsonText(text)
  if ('value' in strict || text.length > MAX_WRITTEN_CHARACTERS) return strict
  const relaxed = relaxJson(text, MAX_DEPTH)
  if (relaxed === 'too_deep') return TOO_DEEP
  const read = parsed(relaxed.text)
  // The position is one in the text made strict; lines are the same.
  return 'value' in read ? read : { problem: read.problem.replace(/ at position \d+(?= \(line)/, '') }
}

/** The document of a call; undefined where there is none, which clients also write as `""` or `null`. */
export const readDocument = (
  body: Buffer,
): { readonly value: unknown; readonly text: string } | { readonly problem: string; readonly text: string } => {
  const text = body.toString('utf8').replace(/^\ufeff/, '')
  if (text.trim() === '') return { value: undefined, text }
  const read = readWrittenJson(text)
  if ('problem' in read) return { ...read, text }
  return { value: read.value === '' || read.value === null ? undefined : read.value, text }
}

/**
 * The checked document of a call, beside the one that was given; or what is wrong with it, with the text as it was given.
 * `version`: of MockServer.
 */
export const readChecked = <T>(
  body: Buffer,
  what: string,
  missing: string,
  check: (given: unknown) => Read<T>,
  version: string,
): { readonly value: T; readonly given: unknown } | { readonly refusal: string } => {
  const read = readDocument(body)
  if ('problem' in read) return { refusal: formatError(what, read.text, [`$: ${read.problem}`], version) }
  if (read.value === undefined) return { refusal: missing }
  const checked = check(read.value)
  if ('problems' in checked) return { refusal: formatError(what, read.text, checked.problems, version) }
  return { value: checked.value, given: read.value }
}
