/** The document of a call that may be YAML, where its content type says so, and is JSON otherwise. */
import type { Call, Context } from './ports.ts'
import { readDocument } from './read-json.ts'

export const readJsonOrYaml = (
  { body, contentType }: Call,
  { documents }: Context,
): { readonly value: unknown } | { readonly problem: string } => {
  if (!/yaml/i.test(contentType ?? '')) return readDocument(body)
  const read = documents.yaml(body.toString('utf8'))
  return 'value' in read ? { value: read.value ?? undefined } : { problem: read.problems.join('\n') }
}
