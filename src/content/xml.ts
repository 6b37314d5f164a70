/** XML bodies: parsed without document types, so that no entity is ever expanded, and compared without regard to order of names. */
import type { Document, Element, Node } from '@xmldom/xmldom'
import { type BodyTest, type ReadBody, textOf } from '../decide/matching/body.ts'
import type { Compiled } from './json-schema.ts'
import { xmldom } from './libraries.ts'
import { withinTime } from './within-time.ts'
import { type TextJudge, xmlPlaceholder } from './xml-placeholder.ts'

/** Larger documents are not read. */
export const MAX_BYTES = 1024 * 1024
const MAX_DEPTH = 200

/** An attribute with this value need not even be there. */
const IGNORED = `\${xmlunit.ignore}`

const documents = new WeakMap<ReadBody, Document | 'not_xml'>()

/** The body as XML; undefined when it is not well-formed, has a document type, or is larger than 1 MiB. Parsed once. */
export function xmlOf(body: ReadBody): Document | undefined {
  let known = documents.get(body)
  if (known === undefined) {
    const parsed = body.bytes.length > MAX_BYTES ? undefined : parseXml(textOf(body))
    known = parsed && 'document' in parsed ? parsed.document : 'not_xml'
    documents.set(body, known)
  }
  return known === 'not_xml' ? undefined : known
}

/** Parses XML text, or says what is wrong with it. */
export function parseXml(text: string): { readonly document: Document } | { readonly problem: string } {
  const unread = unreadable(text)
  if (unread !== undefined) return { problem: unread }
  const { DOMParser } = xmldom()
  let found: string | undefined
  try {
    const parser = new DOMParser({
      onError: (level, message) => {
        if (level === 'warning') return
        found ??= message
        throw new Error(message)
      },
    })
    const document = parser.parseFromString(text.trim(), 'text/xml')
    return document.documentElement ? { document } : { problem: 'there is no element' }
  } catch (error) {
    return { problem: (found ?? String(error)).split('\n')[0] ?? '' }
  }
}

/** Why text is given to no parser. */
export function unreadable(text: string): string | undefined {
  if (/<!DOCTYPE/i.test(text)) return 'document types are not read'
  return isShallow(text) ? undefined : `elements nested more than ${MAX_DEPTH} deep`
}

/** Counts tags only: a bound for a parser and for all that walks its tree, not a check. */
function isShallow(text: string): boolean {
  let depth = 0
  for (const [tag] of text.matchAll(/<\/?[^\s<>!?/][^<>]*>/g)) {
    if (tag.startsWith('</')) depth--
    else if (!tag.endsWith('/>') && ++depth > MAX_DEPTH) return false
  }
  return true
}

/**
 * Compiles XML to compare with: elements and attributes by namespace and name, text without the white space around it;
 * comments, prefixes and the order of different names do not matter, that of elements of one name does; a placeholder as a
 * text or a value is what it says.
 */
export function compileXml(source: string): Compiled<BodyTest> {
  // It would be like no body that is read.
  if (Buffer.byteLength(source) > MAX_BYTES)
    return { problem: `XML of more than ${MAX_BYTES} bytes, which no body matches` }
  const expected = parseXml(source)
  if ('problem' in expected) return { problem: `not valid XML: ${expected.problem}` }
  const wanted = treeOf(expected.document.documentElement)
  const judges = new Map<string, TextJudge>()
  for (const text of textsOf(wanted)) {
    const found = xmlPlaceholder(text)
    if (typeof found === 'string') return { problem: found }
    if (found) judges.set(text, found)
  }
  const test: BodyTest = (body) => {
    const root = xmlOf(body)?.documentElement
    return !!root && withinTime(body.bytes.length, () => isSimilar(wanted, treeOf(root), judges))
  }
  return { test }
}

interface Tree {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly text: string
  readonly children: readonly Tree[]
}

function treeOf(element: Element | null): Tree {
  const attributes = new Map<string, string>()
  for (const { namespaceURI, localName, name, value } of element?.attributes ?? []) {
    if (name === 'xmlns' || name.startsWith('xmlns:')) continue
    attributes.set(qualified(namespaceURI, localName ?? name), value)
  }
  const children: Tree[] = []
  let text = ''
  for (let node: Node | null = element?.firstChild ?? null; node; node = node.nextSibling) {
    if (node.nodeType === 1) children.push(treeOf(node as Element))
    else if (node.nodeType === 3 || node.nodeType === 4) text += node.nodeValue ?? ''
  }
  const name = qualified(element?.namespaceURI ?? null, element?.localName ?? element?.nodeName ?? '')
  return { name, attributes, text: text.trim().replace(/\s+/g, ' '), children }
}

function qualified(namespace: string | null, name: string): string {
  return namespace ? `{${namespace}}${name}` : name
}

function textsOf({ text, attributes, children }: Tree): string[] {
  return [text, ...attributes.values(), ...children.flatMap(textsOf)]
}

function isSimilar(wanted: Tree, actual: Tree, judges: ReadonlyMap<string, TextJudge>): boolean {
  if (wanted.name !== actual.name) return false
  const fits = (text: string, other: string): boolean => text === other || (judges.get(text)?.(other) ?? false)
  if (!fits(wanted.text, actual.text) || wanted.children.length !== actual.children.length) return false
  let met = 0
  for (const [name, value] of wanted.attributes) {
    const other = actual.attributes.get(name)
    if (other === undefined ? value !== IGNORED : !fits(value, other)) return false
    if (other !== undefined) met++
  }
  if (met !== actual.attributes.size) return false
  const others = byName(actual.children)
  for (const child of wanted.children) {
    const other = others.get(child.name)?.shift()
    if (!other || !isSimilar(child, other, judges)) return false
  }
  return true
}

/** Children of one name in their order; that of the names among one another does not matter. */
function byName(children: readonly Tree[]): Map<string, Tree[]> {
  const named = new Map<string, Tree[]>()
  for (const child of children) {
    const same = named.get(child.name)
    if (same) same.push(child)
    else named.set(child.name, [child])
  }
  return named
}
