/** Reads an expectation file and compiles it; the language is in docs/expectations.md. */
import { basename } from 'node:path'
import type { z } from 'zod'
import { compileExpectation, type Expectation, type ExpectationSpec } from '../decide/matching/expectation.ts'
import { readDocument, readTextFile } from './document.ts'
import { ExpectationFile } from './expectation-file-schema.ts'
import { withoutSpecFiles, withSpecFiles } from './spec-files.ts'

/**
 * The expectations of a YAML or JSON file, in the order given; one without an id is named after its place, such as
 * `mock.yaml#2`. Throws FILE_UNREADABLE, or BAD_EXPECTATIONS with a line for every problem found.
 */
export function loadExpectations(path: string): Expectation[] {
  const text = readTextFile(path)
  return compiled(path, text, withSpecFiles(path, ExpectationFile))
}

/**
 * The same of a text that was read already. A document that it names by its path is not looked for: whoever wrote the text
 * may have no say in what is read here.
 */
export function readExpectations(path: string, text: string): Expectation[] {
  return compiled(path, text, withoutSpecFiles(ExpectationFile))
}

function compiled(path: string, text: string, schema: z.ZodType<readonly ExpectationSpec[]>): Expectation[] {
  const { value } = readDocument({ path, text, schema, code: 'BAD_EXPECTATIONS' })
  return value.map((spec, index) => compileExpectation(spec, `${basename(path)}#${index + 1}`))
}
