/**
 * The thread in which XML is judged by schemas. libxml2 as WebAssembly can only be loaded asynchronously and cannot be
 * interrupted from within; a thread can be waited for, and ended.
 */
import { type MessagePort, workerData } from 'node:worker_threads'
import { ParseOption, XmlDocument, XmlLibError, XmlValidateError, XsdValidator } from 'libxml2-wasm'
import type { SchemaAnswer, SchemaQuestion } from './xml-schema.ts'

interface Given {
  readonly port: MessagePort
  /** Set to 1 when an answer is there. */
  readonly signal: Int32Array
}

interface Compiled {
  readonly document: XmlDocument
  readonly validator: XsdValidator
}

/** 64 MiB; what asks for more is told that there is none. */
const MAX_PAGES = 1024
/** The rest is compiled again when it is needed. */
const MAX_SCHEMAS = 32
const OPTIONS = {
  option: ParseOption.XML_PARSE_NO_XXE | ParseOption.XML_PARSE_NONET | ParseOption.XML_PARSE_IGNORE_ENC,
}
const ELSEWHERE = ['include', 'import', 'redefine'].map((name) => `/xs:schema/xs:${name}`).join(' | ')
const NAMESPACES = { xs: 'http://www.w3.org/2001/XMLSchema' }

const { port, signal } = workerData as Given
const schemas = new Map<number, Compiled>()

/** What is used of it; the types of browsers are not in this project. */
interface Memory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}
declare const WebAssembly: { readonly Memory: { readonly prototype: Memory } }

const { grow } = WebAssembly.Memory.prototype
WebAssembly.Memory.prototype.grow = function bounded(this: Memory, pages: number): number {
  if (this.buffer.byteLength / 65_536 + pages > MAX_PAGES) throw new RangeError('out of memory')
  return grow.call(this, pages)
}

function forget(id: number): void {
  const known = schemas.get(id)
  schemas.delete(id)
  known?.validator.dispose()
  known?.document.dispose()
}

function compile(id: number, source: string): SchemaAnswer {
  const document = XmlDocument.fromString(source, OPTIONS)
  try {
    const elsewhere = document.find(ELSEWHERE, NAMESPACES)[0]
    if (elsewhere) return { kind: 'refused', problem: 'it refers to another schema, and nothing is fetched' }
    const validator = XsdValidator.fromDoc(document)
    forget(id)
    const [oldest] = schemas.keys()
    if (schemas.size >= MAX_SCHEMAS && oldest !== undefined) forget(oldest)
    schemas.set(id, { document, validator })
    return { kind: 'compiled' }
  } finally {
    if (schemas.get(id)?.document !== document) document.dispose()
  }
}

function validate(id: number, text: string): SchemaAnswer {
  const known = schemas.get(id)
  if (!known) return { kind: 'unknown' }
  // The one used last goes last.
  schemas.delete(id)
  schemas.set(id, known)
  const document = XmlDocument.fromString(text, OPTIONS)
  try {
    known.validator.validate(document)
    return { kind: 'valid' }
  } finally {
    document.dispose()
  }
}

function answerTo(question: SchemaQuestion): SchemaAnswer {
  try {
    return 'source' in question ? compile(question.id, question.source) : validate(question.id, question.text)
  } catch (error) {
    const problem = error instanceof Error ? error.message.trim() : String(error)
    const isJudgement = error instanceof XmlValidateError || error instanceof XmlLibError
    if (!isJudgement || /memory/i.test(problem)) return { kind: 'broken', problem }
    return { kind: 'refused', problem: problem.split('\n')[0] ?? '' }
  }
}

port.on('message', (question: SchemaQuestion) => {
  port.postMessage(answerTo(question))
  Atomics.store(signal, 0, 1)
  Atomics.notify(signal, 0)
})
