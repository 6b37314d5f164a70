/** A whole OpenAPI or Swagger document. */
import { OpenApiDocument } from '../openapi-schema.ts'
import type { ImportFormat } from './format.ts'

export const openApi: ImportFormat = {
  name: 'openapi',
  recognises: (document) => document['openapi'] !== undefined || document['swagger'] !== undefined,
  schema: OpenApiDocument,
}
