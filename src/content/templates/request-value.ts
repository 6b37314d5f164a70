/** The variable `request` of a template; each part is worked out when it is first asked for. */
import { textOf } from '../../decide/matching/body.ts'
import { parseCookies } from '../../decide/matching/cookies.ts'
import { parseQuery } from '../../decide/matching/query.ts'
import { jsonOf } from '../json-value.ts'
import type { Meter } from './meter.ts'
import type { TemplateModel } from './template.ts'
import { type Member, type Tool, textOfValue, type Value, type ValueMap, withoutCase } from './value.ts'

/** What a template may ask of a request, in MockServer's names. */
export function requestValue(model: TemplateModel, meter: Meter): Tool {
  const parts: Readonly<Record<string, () => Value>> = {
    method: () => model.method,
    path: () => model.path,
    pathParameters: () => lists(model.pathParameters),
    queryStringParameters: () => lists(parseQuery(model.query)),
    headers: () => withoutCase(lists(model.headers)),
    cookies: () => singles(parseCookies(model.headers)),
    body: () => textOf(model.body),
    bodyAsString: () => textOf(model.body),
    jsonRpcId: () => textOfId(rpcId(model)),
    jsonRpcRawId: () => JSON.stringify(rpcId(model)),
    secure: () => model.isSecure,
    keepAlive: () => model.keepsAlive,
    localAddress: () => model.localAddress,
    remoteAddress: () => model.remoteAddress,
    clientCertificateChain: () => [],
  }
  const members = new Map<string, Member>()
  for (const [name, make] of Object.entries(parts)) {
    let known: { readonly value: Value } | undefined
    members.set(name, () => {
      known ??= { value: make() }
      return known.value
    })
  }
  const text = (): string => {
    const shown = ['method', 'path', 'queryStringParameters', 'headers', 'body'].map(
      (name) => [name, parts[name]?.()] as const,
    )
    return textOfValue(new Map(shown), meter)
  }
  return { members, text }
}

/** The id of a JSON-RPC request: text, a number, or null where there is none. */
function rpcId({ body }: TemplateModel): string | number | null {
  const json = jsonOf(body, false)?.value
  if (typeof json !== 'object' || json === null || !('id' in json)) return null
  return typeof json.id === 'string' || typeof json.id === 'number' ? json.id : null
}

const textOfId = (id: string | number | null): string => (id === null ? '' : String(id))

/** Name, value, name, value … as lists by name; of names that differ in case only, headers share one list. */
function lists(pairs: readonly string[]): ValueMap {
  const map = new Map<string, Value[]>()
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] ?? ''
    const list = map.get(name)
    if (list) list.push(pairs[at + 1] ?? '')
    else map.set(name, [pairs[at + 1] ?? ''])
  }
  return map as ValueMap
}

function singles(pairs: readonly string[]): ValueMap {
  const map: ValueMap = new Map()
  for (let at = 0; at < pairs.length; at += 2) map.set(pairs[at] ?? '', pairs[at + 1] ?? '')
  return map
}

/** The same as plain JSON, with these parts only; what JavaScript templates get. */
export function requestJson(model: TemplateModel, wants: (part: string) => boolean): Readonly<Record<string, unknown>> {
  const json: Record<string, unknown> = {
    method: model.method,
    path: model.path,
    secure: model.isSecure,
    keepAlive: model.keepsAlive,
    localAddress: model.localAddress,
    remoteAddress: model.remoteAddress,
    clientCertificateChain: [],
  }
  if (wants('pathParameters')) json['pathParameters'] = plain(lists(model.pathParameters))
  if (wants('queryStringParameters')) json['queryStringParameters'] = plain(lists(parseQuery(model.query)))
  if (wants('headers')) json['headers'] = plain(lists(model.headers))
  if (wants('cookies')) json['cookies'] = plain(singles(parseCookies(model.headers)))
  if (wants('jsonRpcId')) json['jsonRpcId'] = textOfId(rpcId(model))
  if (wants('jsonRpcRawId')) json['jsonRpcRawId'] = JSON.stringify(rpcId(model))
  if (wants('body')) json['body'] = textOf(model.body)
  return json
}

function plain(map: ValueMap): Readonly<Record<string, unknown>> {
  return Object.fromEntries(map)
}
