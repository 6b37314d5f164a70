/** Reads an expectation file and compiles it; the language is in docs/expectations.md. */
import { basename } from 'node:path'
import { compileExpectation, type Expectation } from '../decide/matching/expectation.ts'
import { readDocument, readTextFile } from './document.ts'
import { ExpectationFile } from './expectation-file-schema.ts'
import { withSpecFiles } from './spec-files.ts'

/**
 * The expectations of a YAML or JSON file, in the order given; one without an id is named after its place, such as
 * `mock.yaml#2`. Throws FILE_UNREADABLE, or BAD_EXPECTATIONS with a line for every problem found.
 */
export function loadExpectations(path: string): Expectation[] {
  const text = readTextFile(path)
  const schema = withSpecFiles(path, ExpectationFile)
  const { value } = readDocument({ path, text, schema, code: 'BAD_EXPECTATIONS' })
  return value.map((spec, index) => compileExpectation(spec, `${basename(path)}#${index + 1}`))
}
