/** Swagger 2.0 as OpenAPI 3.0 says it. References to `#/definitions/…` stay: the definitions keep their place. */
import { type At, createFaults, defined, type Fault, isJson, type Json, written } from './faults.ts'
import { createFollow, type Follow } from './references.ts'

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch']
/** What a parameter or a header of 2.0 says of its values, beside the rest. */
const VALUE_KEYS =
  'type format items default maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems minItems uniqueItems enum multipleOf'.split(
    ' ',
  )

interface Types {
  readonly consumes: readonly string[]
  readonly produces: readonly string[]
}

export function upgradeSwagger(root: Json): { readonly root: Json } | { readonly faults: readonly Fault[] } {
  const faults = createFaults()
  const follow = createFollow(root, faults.report)
  const types: Types = {
    consumes: strings(root['consumes'], ['application/json']),
    produces: strings(root['produces'], ['application/json']),
  }
  const paths = isJson(root['paths']) ? Object.entries(root['paths']) : []
  const { parameters: _parameters, responses: _responses, swagger: _swagger, ...rest } = root
  const upgraded: Json = {
    ...rest,
    openapi: '3.0.3',
    ...(typeof root['basePath'] === 'string' ? { servers: [{ url: root['basePath'] }] } : {}),
    paths: Object.fromEntries(paths.map(([path, item]) => [path, pathItem(item, ['paths', path], types, follow)])),
    components: { securitySchemes: securitySchemes(root['securityDefinitions']) },
  }
  return faults.list.length > 0 ? { faults: faults.list } : { root: upgraded }
}

function strings(given: unknown, byDefault: readonly string[]): readonly string[] {
  return Array.isArray(given) && given.length > 0 ? given.map(written) : byDefault
}

function pathItem(given: unknown, at: At, types: Types, follow: Follow): unknown {
  const { value } = follow(given, at)
  if (!isJson(value)) return value
  const shared = listOf(value['parameters'])
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => METHODS.includes(key))
      .map(([key, one]) => [key, isJson(one) ? operation(one, shared, [...at, key], types, follow) : one]),
  )
}

const listOf = (given: unknown): readonly unknown[] => (Array.isArray(given) ? given : [])

function operation(given: Json, shared: readonly unknown[], at: At, types: Types, follow: Follow): Json {
  const byPlace = new Map<string, Json>()
  for (const [index, one] of [...shared, ...listOf(given['parameters'])].entries()) {
    const { value } = follow(one, [...at, 'parameters', index])
    if (isJson(value)) byPlace.set(`${written(value['in'])} ${written(value['name'])}`, value)
  }
  const parameters = [...byPlace.values()]
  const consumes = strings(given['consumes'], types.consumes)
  const produces = strings(given['produces'], types.produces)
  const requestBody = bodyOf(parameters, consumes)
  const responses = isJson(given['responses']) ? Object.entries(given['responses']) : []
  const plain = parameters.filter((one) => one['in'] !== 'body' && one['in'] !== 'formData')
  return {
    ...given,
    parameters: plain.map(parameter),
    ...(requestBody ? { requestBody } : {}),
    responses: Object.fromEntries(
      responses.map(([status, one]) => {
        const { value } = follow(one, [...at, 'responses', status])
        return [status, isJson(value) ? response(value, produces) : value]
      }),
    ),
  }
}

const valueSchema = (given: Json): Json => {
  const schema = Object.fromEntries(
    VALUE_KEYS.filter((key) => Object.hasOwn(given, key)).map((key) => [key, given[key]]),
  )
  return schema['type'] === 'file' ? { type: 'string', format: 'binary' } : schema
}

const STYLES: Readonly<Record<string, Json>> = {
  multi: { explode: true },
  ssv: { style: 'spaceDelimited', explode: false },
  pipes: { style: 'pipeDelimited', explode: false },
}

function parameter(given: Json): Json {
  const { name, required } = given
  const style = given['in'] === 'query' ? (STYLES[written(given['collectionFormat'])] ?? { explode: false }) : {}
  return defined({ name, in: given['in'], required, ...style, schema: valueSchema(given) })
}

const FORMS = ['application/x-www-form-urlencoded', 'multipart/form-data']

function bodyOf(parameters: readonly Json[], consumes: readonly string[]): Json | undefined {
  const body = parameters.find((one) => one['in'] === 'body')
  if (body) return defined({ required: body['required'], content: each(consumes, defined({ schema: body['schema'] })) })
  const fields = parameters.filter((one) => one['in'] === 'formData')
  if (fields.length === 0) return undefined
  const required = fields.filter((one) => one['required'] === true).map(({ name }) => written(name))
  const properties = Object.fromEntries(fields.map((one) => [written(one['name']), valueSchema(one)]))
  const schema = { type: 'object', properties, ...(required.length > 0 ? { required } : {}) }
  const named = consumes.filter((type) => FORMS.includes(type))
  return { required: required.length > 0, content: each(named.length > 0 ? named : FORMS, { schema }) }
}

const each = (types: readonly string[], value: Json): Json => Object.fromEntries(types.map((type) => [type, value]))

function response(given: Json, produces: readonly string[]): Json {
  const { description, schema } = given
  const headers = isJson(given['headers']) ? Object.entries(given['headers']) : []
  const examples = isJson(given['examples']) ? given['examples'] : {}
  const named = Object.keys(examples).filter((type) => !produces.includes(type))
  const types = schema === undefined ? Object.keys(examples) : [...produces, ...named]
  const content = types.map((type) => {
    const example = Object.hasOwn(examples, type) ? { example: examples[type] } : {}
    return [type, { ...(schema === undefined ? {} : { schema }), ...example }] as const
  })
  return defined({
    description,
    headers: Object.fromEntries(headers.map(([name, one]) => [name, isJson(one) ? { schema: valueSchema(one) } : one])),
    content: content.length > 0 ? Object.fromEntries(content) : undefined,
  })
}

function securitySchemes(given: unknown): Json {
  if (!isJson(given)) return {}
  return Object.fromEntries(
    Object.entries(given).map(([name, scheme]) => {
      return [name, isJson(scheme) && scheme['type'] === 'basic' ? { type: 'http', scheme: 'basic' } : scheme]
    }),
  )
}
