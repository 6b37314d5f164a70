/** `yaml`: a document as JSON, and one field of it. */
import { isShallow } from '../../json-value.ts'
import { yaml } from '../../libraries.ts'
import { type Meter, TemplateStop } from '../meter.ts'
import { tool, type Value } from '../value.ts'
import { textAt } from './arguments.ts'

const MAX_TEXT = 16 * 1024

export const yamlTool = tool('yaml', {
  toJson: (args, meter) => JSON.stringify(read(args, meter) ?? null),
  parse: (args, meter) => {
    const document = read(args, meter)
    const name = textAt(args, 1, meter)
    if (typeof document !== 'object' || document === null || !Object.hasOwn(document, name)) return ''
    const field = (document as Readonly<Record<string, unknown>>)[name]
    return typeof field === 'object' && field !== null ? JSON.stringify(field) : String(field)
  },
})

function read(args: readonly Value[], meter: Meter): unknown {
  const text = textAt(args, 0, meter)
  if (text.length > MAX_TEXT) throw new TemplateStop('yaml takes up to 16384 characters')
  // It takes a few microseconds for each byte.
  meter.step(text.length * 12)
  try {
    const document: unknown = yaml().parse(text, { schema: 'core', maxAliasCount: 20, logLevel: 'silent' })
    if (!isShallow(document)) throw new TemplateStop('the YAML is nested too deeply')
    return document
  } catch (error) {
    if (error instanceof TemplateStop) throw error
    throw new TemplateStop(`not valid YAML: ${(error instanceof Error ? error.message : String(error)).split('\n')[0]}`)
  }
}
