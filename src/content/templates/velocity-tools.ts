/** The tools that MockServer gives to Velocity: `json`, `xml`, `math`, `number`, `esc`, `display`, as far as templates use them. */
import type { Element, Node } from '@xmldom/xmldom'
import { isShallow } from '../json-value.ts'
import { xpath } from '../libraries.ts'
import { withinTime } from '../within-time.ts'
import { xmlOf } from '../xml.ts'
import { countNodes, maxNodesOf } from '../xpath.ts'
import { asBody } from './body-queries.ts'
import { charge, type Meter, TemplateStop } from './meter.ts'
import { formatNumber } from './number-text.ts'
import { numberAt, textAt } from './tools/arguments.ts'
import { roundTo } from './tools/calc.ts'
import { escapeHtml } from './tools/html.ts'
import { urlEncode } from './tools/strings.ts'
import { fromJson, isList, isMap, numberOf, type Tool, textOfValue, tool, type Value } from './value.ts'

/** For one rendering: `xml` remembers what it has parsed. */
export function velocityTools(meter: Meter): Readonly<Record<string, Tool>> {
  return { json: JSON_TOOL, xml: xmlTool(meter), math: MATH, number: NUMBER, esc: ESCAPE, display: DISPLAY }
}

const JSON_TOOL = tool('json', {
  parse: (args, meter) => {
    try {
      const json: unknown = JSON.parse(textAt(args, 0, meter))
      return isShallow(json) ? fromJson(json, meter) : undefined
    } catch (error) {
      if (error instanceof SyntaxError) return undefined
      throw error
    }
  },
})

const MATH = tool('math', {
  add: (args) => args.reduce<number>((sum, _value, at) => sum + numberAt(args, at), 0),
  sub: (args) => numberAt(args, 0) - numberAt(args, 1),
  mul: (args) => args.reduce<number>((product, _value, at) => product * numberAt(args, at), 1),
  div: (args) => divided(numberAt(args, 0), numberAt(args, 1)),
  idiv: (args) => divided(Math.trunc(numberAt(args, 0)), Math.trunc(numberAt(args, 1)), Math.trunc),
  mod: (args) => divided(numberAt(args, 0), numberAt(args, 1), (_quotient, one, other) => one % other),
  pow: (args) => numberAt(args, 0) ** numberAt(args, 1),
  max: (args) => Math.max(...args.map((_value, at) => numberAt(args, at))),
  min: (args) => Math.min(...args.map((_value, at) => numberAt(args, at))),
  abs: (args) => Math.abs(numberAt(args, 0)),
  ceil: (args) => Math.ceil(numberAt(args, 0)),
  floor: (args) => Math.floor(numberAt(args, 0)),
  round: (args) => Math.round(numberAt(args, 0)),
  roundTo: (args) => roundTo(numberAt(args, 1), numberAt(args, 0)),
  toInteger: (args) => whole(numberOf(args[0])),
  toDouble: (args) => numberOf(args[0]),
  toNumber: (args) => numberOf(args[0]),
})

function divided(
  one: number,
  other: number,
  finish: (quotient: number, one: number, other: number) => number = (quotient) => quotient,
): Value {
  return other === 0 ? undefined : finish(one / other, one, other)
}

function whole(number: number | undefined): Value {
  return number === undefined ? undefined : Math.trunc(number)
}

const NUMBER = tool('number', {
  format: (args, meter) => {
    const [pattern, value] =
      args.length > 1 ? [textAt(args, 0, meter), numberAt(args, 1)] : ['#,##0.###', numberAt(args, 0)]
    return formatNumber(value, PATTERNS.get(pattern) ?? pattern)
  },
  integer: (args) => formatNumber(Math.round(numberAt(args, 0)), '#,##0'),
  percent: (args) => formatNumber(numberAt(args, 0), '#,##0%'),
  currency: (args) => formatNumber(numberAt(args, 0), '$#,##0.00'),
  toNumber: (args) => numberOf(args[0]),
})

const PATTERNS: ReadonlyMap<string, string> = new Map([
  ['integer', '#,##0'],
  ['percent', '#,##0%'],
  ['currency', '$#,##0.00'],
  ['number', '#,##0.###'],
  ['default', '#,##0.###'],
])

const constant = (text: string) => (): Value => text

const ESCAPE = tool('esc', {
  html: (args, meter) => escapeHtml(textAt(args, 0, meter)),
  xml: (args, meter) => escapeHtml(textAt(args, 0, meter)).replaceAll("'", '&apos;'),
  javascript: (args, meter) => escapeScript(textAt(args, 0, meter)).replaceAll("'", "\\'"),
  java: (args, meter) => escapeScript(textAt(args, 0, meter)),
  json: (args, meter) => escapeScript(textAt(args, 0, meter)),
  url: (args, meter) => urlEncode(textAt(args, 0, meter)),
  sql: (args, meter) => textAt(args, 0, meter).replaceAll("'", "''"),
  d: constant('$'),
  dollar: constant('$'),
  h: constant('#'),
  hash: constant('#'),
  q: constant('"'),
  quote: constant('"'),
  s: constant("'"),
  singleQuote: constant("'"),
  b: constant('\\'),
  backslash: constant('\\'),
  e: constant('!'),
  exclamation: constant('!'),
  n: constant('\n'),
  newline: constant('\n'),
})

function escapeScript(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

const DISPLAY = tool('display', {
  list: (args, meter) => {
    const [items] = args
    if (!isList(items)) return textAt(args, 0, meter)
    const texts = items.map((item) => textOfValue(item, meter))
    charge(
      meter,
      texts.reduce((sum, { length }) => sum + length, 0),
    )
    const last = texts.pop() ?? ''
    return texts.length === 0 ? last : `${texts.join(', ')} and ${last}`
  },
  capitalize: (args, meter) => {
    const text = textAt(args, 0, meter)
    return text.charAt(0).toUpperCase() + text.slice(1)
  },
  truncate: (args, meter) => {
    const text = textAt(args, 0, meter)
    const most = args.length > 1 ? numberAt(args, 1) : 30
    return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 3))}...`
  },
  alt: (args) => args[0] ?? args[1],
  size: ([value]) => (isList(value) ? value.length : isMap(value) ? value.size : undefined),
})

/** `parse` reads XML, `find` an XPath in what was read last. */
function xmlTool(meter: Meter): Tool {
  let text: string | undefined
  return tool('xml', {
    parse: (args) => {
      text = textAt(args, 0, meter)
      return xmlOf(asBody(text)) ? foundIn(text, '/*', meter) : undefined
    },
    find: (args) => (text === undefined ? undefined : foundIn(text, textAt(args, 0, meter), meter)),
  })
}

/** The nodes at an expression: printed as XML, texts and attributes as what they say. */
function foundIn(xml: string, expression: string, meter: Meter): Value {
  const body = asBody(xml)
  charge(meter, xml.length * 4)
  meter.step(2000)
  const document = xmlOf(body)
  if (!document || expression.length > 1000 || countNodes(body.bytes) > maxNodesOf(expression)) return undefined
  let nodes: readonly Node[] = []
  withinTime(body.bytes.length, () => {
    const result = xpath().parse(expression).evaluateNodeSet({ node: document, allowAnyNamespaceForNoPrefix: true })
    nodes = result.toArray() as readonly Node[]
    return true
  })
  if (nodes.length === 0) return undefined
  if (nodes.length > 1000) throw new TemplateStop('an XPath that finds more than 1000 nodes')
  const print = (read: (node: Node) => string): string => {
    const printed = nodes.map(read).join('')
    charge(meter, printed.length)
    return printed
  }
  return tool(
    'xml',
    {
      size: () => nodes.length,
      isEmpty: () => false,
      text: () => print((node) => node.textContent ?? ''),
      first: () => nodes[0]?.textContent ?? '',
      attr: ([name]) => (nodes[0] as Element | undefined)?.getAttribute?.(textOfValue(name, meter)) ?? undefined,
      find: (args) => foundIn(print(String), textAt(args, 0, meter), meter),
    },
    () => print((node) => (node.nodeType === 1 ? String(node) : (node.nodeValue ?? ''))),
  )
}
