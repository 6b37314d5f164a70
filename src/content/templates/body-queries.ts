/** JSONPath and XPath over the body of the request, or over other text, for templates: bounded, and nothing found is nothing. */
import type { JSONValue } from 'json-p3'
import type { ReadBody } from '../../decide/matching/body.ts'
import { jsonPathEnvironment, maxValuesOf } from '../json-path.ts'
import { countValues, isShallow, jsonOf } from '../json-value.ts'
import { xpath } from '../libraries.ts'
import { withinTime } from '../within-time.ts'
import { xmlOf } from '../xml.ts'
import { countNodes, maxNodesOf } from '../xpath.ts'
import { charge, type Meter, TemplateStop } from './meter.ts'
import { fromJson, type Value } from './value.ts'

/** What one look-up costs: it compiles the path. */
const QUERY_STEPS = 2000
const MAX_PATH = 1000

/** What stands at a path to one place; for any other path the list of all that is found; undefined where there is nothing. */
export function findJson(body: ReadBody, path: string, meter: Meter): Value {
  const { json } = findPlainJson(body, path, meter)
  return json === undefined ? undefined : fromJson(json, meter)
}

/** The same as plain JSON. */
export function findPlainJson(body: ReadBody, path: string, meter: Meter): { readonly json: unknown } {
  charge(meter, body.bytes.length)
  meter.step(QUERY_STEPS)
  checkLength(path)
  const json = jsonOf(body, false)
  if (!json || !isShallow(json.value) || countValues(body.bytes) > maxValuesOf(path)) return { json: undefined }
  let found: unknown
  withinTime(body.bytes.length, () => {
    const query = jsonPathEnvironment().compile(path)
    const nodes = query.query(json.value as JSONValue)
    found = query.singularQuery() ? nodes.nodes[0]?.value : nodes.values()
    return true
  })
  return { json: found }
}

/** The text of what an expression finds, of the first where it finds several; empty where there is nothing. */
export function findXml(body: ReadBody, expression: string, meter: Meter): string {
  charge(meter, body.bytes.length)
  meter.step(QUERY_STEPS)
  checkLength(expression)
  const document = xmlOf(body)
  if (!document || countNodes(body.bytes) > maxNodesOf(expression)) return ''
  let found = ''
  withinTime(body.bytes.length, () => {
    found = xpath().parse(expression).evaluateString({ node: document, allowAnyNamespaceForNoPrefix: true })
    return true
  })
  charge(meter, found.length)
  return found
}

function checkLength(path: string): void {
  if (path.length > MAX_PATH) throw new TemplateStop(`a path of more than ${MAX_PATH} characters`)
}

/** Any text, to be looked into like a body. */
export function asBody(text: string): ReadBody {
  const bytes = Buffer.from(text)
  return { bytes, sent: bytes, contentType: undefined, text }
}
