/** Expectations out of documents of other formats: OpenAPI, HAR, Postman. */
import type { Handler, Imported } from './ports.ts'
import { storeExpectations } from './put-expectation.ts'
import { readJsonOrYaml } from './read-yaml.ts'
import { text } from './reply.ts'
import { errorsText } from './texts.ts'

/** Redaction is asked for by these; nothing here does it, and to say nothing would leave secrets where nobody expects them. */
const REDACTIONS = ['additionalRedactedHeaders', 'additionalRedactedBodyFields']
const MAX_LISTED = 100

/** Adds or replaces the expectations of one document, all of them or none. */
export const importDocument: Handler = (call, context) => {
  const asked = REDACTIONS.find((name) => call.query.has(name))
  if (asked !== undefined) return text(400, `${asked} is not supported: remove what must not be kept before importing`)
  const read = readJsonOrYaml(call, context)
  if ('problem' in read) return text(400, `failed to parse the document to import: ${read.problem}`)
  if (read.value === undefined) return text(400, 'import request body is required')
  const format = call.query.get('format')?.toLowerCase()
  const imported = context.documents.imported(read.value, format === '' ? undefined : format)
  if ('refusal' in imported) return text(400, refusalText(imported, format ?? ''))
  if ('value' in imported) return storeExpectations(imported.value, call, context)
  const { problems } = imported
  const more = problems.length > MAX_LISTED ? [`… and ${problems.length - MAX_LISTED} more`] : []
  return text(400, `unable to import: ${errorsText([...problems.slice(0, MAX_LISTED), ...more])}`)
}

const refusalText = ({ refusal, formats }: Extract<Imported, { refusal: unknown }>, format: string): string =>
  refusal === 'unknown_format'
    ? `unsupported import format: ${format.slice(0, 80)} (supported formats: ${formats.join(', ')})`
    : `unable to auto-detect import format — use ${formats.map((name) => `?format=${name}`).join(' or ')}`
