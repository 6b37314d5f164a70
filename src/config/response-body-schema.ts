/** Bodies that are served: a string, a bare object or list (JSON), or an object that names its `type`. */
import { z } from 'zod'
import { prettyJson } from '../decide/matching/pretty-json.ts'
import { JsonText, TYPES, unsupported } from './body-types.ts'
import { chosen, isRecord } from './chosen-schema.ts'

/** What a response body comes to. */
export interface BodyBytes {
  readonly bytes: Buffer
  readonly contentType: string | undefined
}

const JSON_TYPE = 'application/json; charset=utf-8'
const ContentType = z.string().regex(/^[\x20-\x7e]+$/, { error: 'expected a media type' })

/** The bytes that a recorded text came as; the text is what is served. */
const rawBytes = z.string().optional()

const StringBody = z
  .strictObject({ type: z.literal('STRING'), string: z.string(), contentType: ContentType.optional(), rawBytes })
  .transform(({ string, contentType }): BodyBytes => ({ bytes: Buffer.from(string), contentType }))

const XmlBody = z
  .strictObject({
    type: z.literal('XML'),
    xml: z.string(),
    contentType: ContentType.default('application/xml; charset=utf-8'),
    rawBytes,
  })
  .transform(({ xml, contentType }): BodyBytes => ({ bytes: Buffer.from(xml), contentType }))

const JsonBody = z
  .strictObject({
    type: z.literal('JSON'),
    json: chosen((given) =>
      typeof given === 'string' ? JsonText : z.unknown().transform((value) => prettyJson(value)),
    ),
    contentType: ContentType.default(JSON_TYPE),
    rawBytes,
  })
  .transform(({ json: written, contentType }): BodyBytes => ({ bytes: Buffer.from(written), contentType }))

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

export const ResponseBody = chosen<BodyBytes>((given) => {
  if (Array.isArray(given)) return PrettyBody
  if (!isRecord(given)) {
    const plain = z.string({ error: 'expected a string, an object or a list' })
    return plain.transform((value) => ({ bytes: Buffer.from(value), contentType: undefined }))
  }
  if (!TYPES.has(given['type'])) return PrettyBody
  switch (given['type']) {
    case 'STRING':
      return StringBody
    case 'JSON':
      return JsonBody
    case 'XML':
      return XmlBody
    case 'BINARY':
      return BinaryBody
    default:
      return unsupported(given['type'])
  }
})
