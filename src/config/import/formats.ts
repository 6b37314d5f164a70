/** Every format that can be imported. A new one is a file here and a row in this list, which is asked from the top. */
import { isRecord } from '../chosen-schema.ts'
import type { ImportFormat } from './format.ts'
import { har } from './har.ts'
import { openApi } from './openapi.ts'
import { postman } from './postman.ts'

export const IMPORT_FORMATS: readonly ImportFormat[] = [openApi, har, postman]

/** The format of a document, going by what it looks like. */
export const formatOf = (document: unknown): ImportFormat | undefined =>
  isRecord(document) ? IMPORT_FORMATS.find((format) => format.recognises(document)) : undefined
