/** What is kept of a namespace: its labels. */
import { fieldAt, textOf } from './fields.ts'
import { labelsOf } from './labels.ts'

export type Labels = Readonly<Record<string, string>>

/** Under its name; refused where it has none, or no UID. */
export const projectNamespace = (
  namespace: unknown,
):
  | { readonly kind: 'kept'; readonly key: string; readonly value: Labels }
  | { readonly kind: 'refused'; readonly why: string } => {
  const name = textOf(fieldAt(namespace, 'metadata', 'name'), 63)
  if (name === undefined) return { kind: 'refused', why: 'bad_name' }
  if (textOf(fieldAt(namespace, 'metadata', 'uid'), 64) === undefined) return { kind: 'refused', why: 'bad_uid' }
  return { kind: 'kept', key: name, value: labelsOf(fieldAt(namespace, 'metadata', 'labels')) }
}
