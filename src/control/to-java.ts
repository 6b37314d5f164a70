/** Requests and expectations as calls of MockServer's Java client. */
import { prettyJson } from '../decide/matching/pretty-json.ts'
import type { Json } from './message-json.ts'

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A Java string literal: JSON's escapes are Java's too, but for what is outside of ASCII. */
const literal = (text: string): string =>
  JSON.stringify(text).replace(/[^\x20-\x7e]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)

const indented = (text: string): string => text.replace(/^(?=.)/gm, '  ')

const listOf = (values: unknown): string =>
  (Array.isArray(values) ? values : [values])
    .map((value) => literal(typeof value === 'string' ? value : JSON.stringify(value)))
    .join(', ')

const pairs = (method: string, type: string, map: unknown): string[] => {
  if (!isRecord(map) || Object.keys(map).length === 0) return []
  const items = Object.entries(map).map(
    ([name, values]) => `    new ${type}(${[literal(name), listOf(values)].filter(Boolean).join(', ')})`,
  )
  return [`.${method}(\n${items.join(',\n')}\n  )`]
}

const body = (given: unknown): string[] => {
  if (given === undefined) return []
  if (typeof given === 'string') return [`.withBody(${literal(given)})`]
  const base64 = isRecord(given) && given['type'] === 'BINARY' ? given['base64Bytes'] : undefined
  if (typeof base64 === 'string')
    return [`.withBody(new BinaryBody(Base64Converter.base64StringToBytes(${literal(base64)})))`]
  const isTyped = isRecord(given) && given['type'] === 'JSON'
  const value = isTyped ? given['json'] : given
  return [`.withBody(new JsonBody(${literal(typeof value === 'string' ? value : prettyJson(value))}))`]
}

const textCall = (method: string, value: unknown): string[] =>
  typeof value === 'string' && value !== '' ? [`.${method}(${literal(value)})`] : []

const chain = (start: string, calls: readonly string[]): string =>
  [start, ...calls.map((call) => `  ${call}`)].join('\n')

/** A matcher that is an operation of an OpenAPI document. */
const operationJava = (request: Json): string => {
  const spec = request['specUrlOrPayload']
  const text = typeof spec === 'string' ? spec : JSON.stringify(spec)
  const id = request['operationId']
  return `openAPI(${[text, ...(typeof id === 'string' ? [id] : [])].map(literal).join(', ')})`
}

export const requestJava = (request: Json): string =>
  request['specUrlOrPayload'] === undefined ? propertiesJava(request) : operationJava(request)

const propertiesJava = (request: Json): string =>
  chain('request()', [
    ...textCall('withMethod', request['method']),
    ...textCall('withPath', request['path']),
    ...pairs('withHeaders', 'Header', request['headers']),
    ...pairs('withCookies', 'Cookie', request['cookies']),
    ...pairs('withQueryStringParameters', 'Parameter', request['queryStringParameters']),
    ...(typeof request['keepAlive'] === 'boolean' ? [`.withKeepAlive(${request['keepAlive']})`] : []),
    ...(typeof request['secure'] === 'boolean' ? [`.withSecure(${request['secure']})`] : []),
    ...body(request['body']),
  ])

const responseJava = (response: Json): string =>
  chain('response()', [
    ...(typeof response['statusCode'] === 'number' ? [`.withStatusCode(${response['statusCode']})`] : []),
    ...textCall('withReasonPhrase', response['reasonPhrase']),
    ...pairs('withHeaders', 'Header', response['headers']),
    ...pairs('withCookies', 'Cookie', response['cookies']),
    ...body(response['body']),
  ])

const forwardJava = (forward: Json): string =>
  chain('forward()', [
    ...textCall('withHost', forward['host']),
    ...(typeof forward['port'] === 'number' ? [`.withPort(${forward['port']})`] : []),
    ...(typeof forward['scheme'] === 'string' ? [`.withScheme(HttpForward.Scheme.${forward['scheme']})`] : []),
  ])

const timesJava = (times: unknown): string => {
  const remaining = isRecord(times) ? times['remainingTimes'] : undefined
  return typeof remaining === 'number' ? `Times.exactly(${remaining})` : 'Times.unlimited()'
}

const lifeJava = (life: unknown): string =>
  isRecord(life) && typeof life['timeToLive'] === 'number' && typeof life['timeUnit'] === 'string'
    ? `TimeToLive.exactly(TimeUnit.${life['timeUnit']}, ${life['timeToLive']}L)`
    : 'TimeToLive.unlimited()'

/** Actions without a form of their own here are shown as their JSON, in a comment. */
const actionJava = (expectation: Json): string => {
  const { httpResponse, httpForward } = expectation
  if (isRecord(httpResponse)) return `.respond(\n${indented(responseJava(httpResponse))}\n)`
  if (isRecord(httpForward)) return `.forward(\n${indented(forwardJava(httpForward))}\n)`
  const rest = Object.entries(expectation).filter(([key]) => key.startsWith('http') && key !== 'httpRequest')
  return `// ${JSON.stringify(Object.fromEntries(rest)).replaceAll(/[^\x20-\x7e]/g, '?')}`
}

export const expectationJava = (expectation: Json): string => {
  const { httpRequest, times, timeToLive, priority, id } = expectation
  const request = indented(requestJava(isRecord(httpRequest) ? httpRequest : {}))
  const when = `.when(\n${request},\n  ${timesJava(times)},\n  ${lifeJava(timeToLive)},\n  ${Number(priority ?? 0)}\n)`
  return [
    'new MockServerClient("localhost", 1080)',
    when,
    `.withId(${literal(String(id))})`,
    `${actionJava(expectation)};`,
  ].join('\n')
}
