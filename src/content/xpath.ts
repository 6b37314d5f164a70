/** XPath 1.0 over XML bodies, bounded in time. */
import type { Document, Element } from '@xmldom/xmldom'
import type { BodyTest } from '../decide/matching/body.ts'
import type { Compiled } from './json-schema.ts'
import { xmldom, xpath } from './libraries.ts'
import { withinTime } from './within-time.ts'
import { xmlOf } from './xml.ts'

/** Steps an expression may take; each axis over many nodes multiplies them by the number of nodes. */
const STEP_BUDGET = 2 ** 21
/** Parsing and its tree cost memory for each character. */
const MAX_SOURCE = 65_536
const WIDE = /\/\/|(?:descendant|ancestor)(?:-or-self)?\s*::|(?:preceding|following)(?:-sibling)?\s*::/g

/**
 * Compiles an expression; a body matches when it comes to true: a set of nodes that is not empty, a number that is not 0,
 * a text that is not empty. `namespaces` maps prefixes to URIs; without any, names match in whatever namespace.
 */
export function compileXpath(
  source: string,
  namespaces: Readonly<Record<string, string>> | undefined,
): Compiled<BodyTest> {
  if (source.length > MAX_SOURCE) return { problem: `an XPath of more than ${MAX_SOURCE} characters` }
  // Here rather than at the first body, which would wait for it.
  xmldom()
  try {
    const expression = xpath().parse(source)
    const maxNodes = maxNodesOf(source)
    const settings = namespaces ? { namespaces: { ...namespaces } } : { allowAnyNamespaceForNoPrefix: true }
    const test: BodyTest = (body) => {
      const document = xmlOf(body)
      if (!document || countNodes(body.bytes) > maxNodes) return false
      // An unknown function or prefix shows only in use; such an expression matches nothing.
      return withinTime(body.bytes.length, () => {
        if (!namespaces) dropPrefixes(document)
        return expression.evaluateBoolean({ node: document, ...settings })
      })
    }
    return { test }
  } catch (error) {
    return { problem: `not a valid XPath: ${error instanceof Error ? error.message.trim() : String(error)}` }
  }
}

const dropped = new WeakSet<Document>()

/** The library takes a name without a prefix for one of any namespace only where the document has none either. */
function dropPrefixes(document: Document): void {
  if (dropped.has(document)) return
  dropped.add(document)
  const waiting = [document.documentElement]
  for (let element = waiting.pop(); element; element = waiting.pop()) {
    for (const node of [element, ...element.attributes]) {
      if (!node.prefix || node.prefix === 'xmlns') continue
      Object.assign(node, { prefix: null, nodeName: node.localName })
      if (node === element) Object.assign(node, { tagName: node.localName })
    }
    for (let child = element.firstChild; child; child = child.nextSibling) {
      if (child.nodeType === 1) waiting.push(child as Element)
    }
  }
}

/** How many nodes a document may have for the expression to be tried on it. */
export function maxNodesOf(source: string): number {
  return STEP_BUDGET ** (1 / Math.max(1, source.match(WIDE)?.length ?? 0))
}

/** Elements, texts and attributes, at most. */
export function countNodes(bytes: Buffer): number {
  let count = 1
  for (const byte of bytes) if (byte === 0x3c || byte === 0x3d) count++
  return count
}
