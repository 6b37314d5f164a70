/** Bodies that are calls: of GraphQL and of JSON-RPC. */
import { z } from 'zod'
import { compileGraphql } from '../content/graphql.ts'
import { matchJsonRpc } from '../content/json-rpc.ts'
import type { BodyMatcher } from '../decide/matching/body.ts'
import { common, JsonSchema, Name, tested } from './body-matcher-schema.ts'

const COMPARES = { NORMALISED_STRING: 'text', AST_EXACT: 'fields', AST_SUBSET: 'at_least_fields' } as const

export const GraphqlMatcher = z
  .strictObject({
    ...common,
    query: z.string(),
    operationName: Name.optional(),
    variablesSchema: JsonSchema.optional(),
    selectionSetMatchType: z.enum(['NORMALISED_STRING', 'AST_EXACT', 'AST_SUBSET']).default('NORMALISED_STRING'),
    fields: z.array(z.string()).optional(),
    schema: z.string().optional(),
  })
  .transform((body, context): BodyMatcher => {
    const { query, operationName, variablesSchema: variables, fields, schema } = body
    const compares = COMPARES[body.selectionSetMatchType]
    const compiled = compileGraphql({ query, operationName, variables, fields, compares, schema })
    if ('test' in compiled) return tested(compiled.test, body)
    const at = compiled.problem.includes('GraphQL schema') ? 'schema' : 'query'
    context.addIssue({ code: 'custom', message: compiled.problem, path: [at] })
    return z.NEVER
  })

export const JsonRpcMatcher = z
  .strictObject({ ...common, method: Name, paramsSchema: JsonSchema.optional() })
  .transform((body) => tested(matchJsonRpc(body.method, body.paramsSchema), body))
