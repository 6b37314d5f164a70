/** Expectations that were made out of something else, read as if somebody had written them. */
import { z } from 'zod'
import type { ExpectationSpec } from '../../decide/matching/expectation.ts'
import { Expectation } from '../expectation-schema.ts'
import { checkValue, type KeyPath, keyText } from '../problems.ts'

/** A document of the expectation language with the place in the import that it was made from. */
export interface Placed {
  readonly document: Readonly<Record<string, unknown>>
  readonly at: KeyPath
}

/** All of them, or an issue for each problem at the place it comes from. */
export function readAll(
  documents: readonly Placed[],
  context: Pick<z.core.$RefinementCtx<unknown>, 'issues'>,
): readonly ExpectationSpec[] {
  const specs = documents.flatMap(({ document, at }) => {
    const read = checkValue(Expectation, document)
    if ('value' in read) return [read.value]
    for (const { path, message } of read.problems) {
      const text = `${keyText(path)}: ${message}`
      context.issues.push({ code: 'custom', input: undefined, message: text, path: [...at] })
    }
    return []
  })
  return context.issues.length > 0 ? z.NEVER : specs
}
