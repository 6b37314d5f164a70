/** What a file of expectations may hold. */
import { z } from 'zod'
import type { ExpectationSpec } from '../decide/matching/expectation.ts'
import { chosen, isRecord } from './chosen-schema.ts'
import { ExpectationItem, ExpectationList } from './expectation-schema.ts'
import { formatOf } from './import/formats.ts'

/** One expectation, a list of them, `{expectations: […]}`, or a document of another format that is recognised. */
export const ExpectationFile: z.ZodType<readonly ExpectationSpec[]> = chosen<readonly ExpectationSpec[]>((given) => {
  if (Array.isArray(given)) return ExpectationList
  if (isRecord(given) && 'expectations' in given) return Wrapped
  return formatOf(given)?.schema ?? ExpectationItem
})

/** `recordedBy`: who wrote the file, if nobody did by hand. */
const Wrapped = z
  .strictObject({ expectations: ExpectationList, recordedBy: z.string().optional() })
  .transform(({ expectations }) => expectations)
