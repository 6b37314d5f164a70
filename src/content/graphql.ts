/** GraphQL requests over HTTP: a JSON body with `query`, `operationName` and `variables`. */
import type { DocumentNode, GraphQLSchema, OperationDefinitionNode } from 'graphql'
import type { BodyTest } from '../decide/matching/body.ts'
import type { Compiled } from './json-schema.ts'
import { isShallow, jsonOf } from './json-value.ts'
import { graphql } from './libraries.ts'
import { withinTime } from './within-time.ts'

export interface GraphqlSpec {
  readonly query: string
  /** Judges the operation's name, which must then be there. */
  readonly operationName: ((name: string) => boolean) | undefined
  /** Judges the variables, which must then be there. */
  readonly variables: ((value: unknown) => boolean) | undefined
  /** The whole query but for what GraphQL ignores; or the operation and just, or at least, these fields of it. */
  readonly compares: 'text' | 'fields' | 'at_least_fields'
  /** The fields at the top; those of `query` unless given. */
  readonly fields: readonly string[] | undefined
  /** In GraphQL's own language; a query that it does not allow does not match. */
  readonly schema?: string | undefined
}

/** Bounds parsing, which goes by recursion. */
const MAX_TOKENS = 20_000
const MAX_SCHEMA_CHARACTERS = 1024 * 1024

/** Compiles a matcher of GraphQL requests. */
export function compileGraphql(spec: GraphqlSpec): Compiled<BodyTest> {
  const { stripIgnoredCharacters } = graphql()
  const schema = spec.schema === undefined ? undefined : compileSchema(spec.schema)
  if (schema && 'problem' in schema) return schema
  try {
    const wanted = parsed(spec.query)
    const text = stripIgnoredCharacters(spec.query)
    const fields = new Set(spec.fields ?? wanted.fields)
    const test: BodyTest = (body) => {
      const json = jsonOf(body, false)?.value
      if (!isRecord(json) || typeof json['query'] !== 'string') return false
      const { query } = json
      // A query that is not GraphQL matches nothing.
      return withinTime(body.bytes.length, () => {
        if (!fitsRest(spec, json) || (schema && !isAllowed(query, schema.schema))) return false
        if (spec.compares === 'text') return stripIgnoredCharacters(query) === text
        const actual = parsed(query)
        if (actual.operation !== wanted.operation || (wanted.name && actual.name !== wanted.name)) return false
        if (spec.compares === 'fields' && actual.fields.size !== fields.size) return false
        return [...fields].every((field) => actual.fields.has(field))
      })
    }
    return { test }
  } catch (error) {
    return { problem: `not valid GraphQL: ${error instanceof Error ? error.message : String(error)}` }
  }
}

function fitsRest(spec: GraphqlSpec, json: Readonly<Record<string, unknown>>): boolean {
  const name = json['operationName']
  if (spec.operationName && !(typeof name === 'string' && spec.operationName(name))) return false
  return !spec.variables || (json['variables'] !== undefined && isShallow(json) && spec.variables(json['variables']))
}

function documentOf(text: string): DocumentNode {
  return graphql().parse(text, { maxTokens: MAX_TOKENS, noLocation: true })
}

function compileSchema(source: string): { readonly schema: GraphQLSchema } | { readonly problem: string } {
  if (source.length > MAX_SCHEMA_CHARACTERS) return { problem: 'a GraphQL schema of more than 1 MiB' }
  const { buildASTSchema, validateSchema } = graphql()
  try {
    const schema = buildASTSchema(documentOf(source))
    const [first] = validateSchema(schema)
    return first ? { problem: `not a valid GraphQL schema: ${first.message}` } : { schema }
  } catch (error) {
    return { problem: `not a valid GraphQL schema: ${error instanceof Error ? error.message : String(error)}` }
  }
}

function isAllowed(query: string, schema: GraphQLSchema): boolean {
  return graphql().validate(schema, documentOf(query), undefined, { maxErrors: 1 }).length === 0
}

interface Operation {
  readonly operation: string
  readonly name: string | undefined
  readonly fields: ReadonlySet<string>
}

/** The first operation of a document. Throws GraphQLError. */
function parsed(query: string): Operation {
  const { Kind } = graphql()
  const { definitions } = documentOf(query)
  const first = definitions.find((one): one is OperationDefinitionNode => one.kind === Kind.OPERATION_DEFINITION)
  if (!first) throw new Error('there is no operation')
  const fields = first.selectionSet.selections.flatMap((one) => (one.kind === Kind.FIELD ? [one.name.value] : []))
  return { operation: first.operation, name: first.name?.value, fields: new Set(fields) }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
