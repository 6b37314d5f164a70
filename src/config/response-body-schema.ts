/** Bodies that are served: a string, a bare object or list (JSON), or an object that names its `type`. */
import { z } from 'zod'
import { prettyJson } from '../decide/matching/pretty-json.ts'
import { JsonText, TYPES, unsupported } from './body-types.ts'
import { chosen, isRecord } from './chosen-schema.ts'
import { encodeText } from './encode-text.ts'
import { namedValues } from './named-values-schema.ts'

/** What a response body comes to. */
export interface BodyBytes {
  readonly bytes: Buffer
  readonly contentType: string | undefined
}

const JSON_TYPE = 'application/json; charset=utf-8'
const XML_TYPE = 'application/xml; charset=utf-8'
const FORM_TYPE = 'application/x-www-form-urlencoded'
const ContentType = z.string().regex(/^[\x20-\x7e]+$/, { error: 'expected a media type' })

/** The bytes that a recorded text came as; the text is what is served. */
const rawBytes = z.string().optional()

interface Written {
  readonly text: string
  readonly contentType: string | undefined
}

/** Text as the charset of its content type has it. */
const written = ({ text, contentType }: Written, context: z.RefinementCtx): BodyBytes => {
  const encoded = encodeText(text, contentType)
  if ('bytes' in encoded) return { bytes: encoded.bytes, contentType }
  context.addIssue({ code: 'custom', message: encoded.problem, path: ['contentType'] })
  return z.NEVER
}

const StringBody = z
  .strictObject({ type: z.literal('STRING'), string: z.string(), contentType: ContentType.optional(), rawBytes })
  .transform(({ string: text, contentType }, context) => written({ text, contentType }, context))

const JsonBody = z
  .strictObject({
    type: z.literal('JSON'),
    json: chosen((given) =>
      typeof given === 'string' ? JsonText : z.unknown().transform((value) => prettyJson(value)),
    ),
    contentType: ContentType.default(JSON_TYPE),
    rawBytes,
  })
  .transform(({ json: text, contentType }, context) => written({ text, contentType }, context))

/** Not checked: a client's handling of broken XML may be what is tested. */
const XmlBody = z
  .strictObject({ type: z.literal('XML'), xml: z.string(), contentType: ContentType.default(XML_TYPE), rawBytes })
  .transform(({ xml: text, contentType }, context) => written({ text, contentType }, context))

const FormBody = z
  .strictObject({ type: z.literal('PARAMETERS'), parameters: namedValues(z.string(), z.string(), 1) })
  .transform(({ parameters }): BodyBytes => {
    const pairs = parameters.flatMap(({ name, values }) => values.map((value) => [name, value]))
    return { bytes: Buffer.from(new URLSearchParams(pairs).toString()), contentType: FORM_TYPE }
  })

const BinaryBody = z
  .strictObject({
    type: z.literal('BINARY'),
    base64Bytes: z.base64({ error: 'expected base64' }),
    contentType: ContentType.optional(),
  })
  .transform(({ base64Bytes, contentType }): BodyBytes => ({ bytes: Buffer.from(base64Bytes, 'base64'), contentType }))

const PrettyBody = z.unknown().transform((value): BodyBytes => {
  return { bytes: Buffer.from(prettyJson(value)), contentType: JSON_TYPE }
})

const PlainText = z
  .string({ error: 'expected a string, an object or a list' })
  .transform((value): BodyBytes => ({ bytes: Buffer.from(value), contentType: undefined }))

const TYPED: ReadonlyMap<unknown, z.ZodType<BodyBytes>> = new Map<unknown, z.ZodType<BodyBytes>>([
  ['STRING', StringBody],
  ['JSON', JsonBody],
  ['XML', XmlBody],
  ['PARAMETERS', FormBody],
  ['BINARY', BinaryBody],
])

export const ResponseBody = chosen<BodyBytes>((given) => {
  if (Array.isArray(given)) return PrettyBody
  if (!isRecord(given)) return PlainText
  if (!TYPES.has(given['type'])) return PrettyBody
  return TYPED.get(given['type']) ?? unsupported(given['type'])
})
