/** What a format of recorded or described traffic has to offer to become expectations. */
import type { z } from 'zod'
import type { ExpectationSpec } from '../../decide/matching/expectation.ts'

export interface ImportFormat {
  readonly name: string
  /** Whether a document looks like one; it may still be wrong. */
  recognises(document: Readonly<Record<string, unknown>>): boolean
  /** All of a document, or every problem with its place. */
  readonly schema: z.ZodType<readonly ExpectationSpec[]>
}
