import type { Handler } from './ports.ts'

/** The OpenAPI 3 document of exactly the calls that exist. */
export const apiDocument: Handler = (_call, context) => ({
  status: 200,
  contentType: 'application/yaml; charset=utf-8',
  body: context.apiDocument(),
})
