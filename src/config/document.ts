/** Reads a YAML or JSON file that a person wrote and, when it is wrong, says everything that is wrong and exactly where. */
import { closeSync, openSync, readSync } from 'node:fs'
import { createRequire } from 'node:module'
import type * as Yaml from 'yaml'
import type { z } from 'zod'
import { type ErrorCode, UnderstudyError } from '../errors.ts'
import { checkValue, type KeyPath, keyText } from './problems.ts'

/** A place in a file; both count from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** One thing wrong with a file; `key` is empty where no key is concerned. */
export interface Problem extends Position {
  readonly key: string
  readonly message: string
}

const require = createRequire(import.meta.url)
let loaded: typeof Yaml | undefined

/** Loaded with the first file: much of what runs reads none, and it takes a twentieth of the start. */
const yaml = (): typeof Yaml => {
  loaded ??= require('yaml') as typeof Yaml
  return loaded
}

const MAX_FILE_BYTES = 16 * 1024 * 1024
const MAX_ALIASES = 100
const MAX_LISTED = 100
const START: Position = { line: 1, column: 1 }
/** What a document is read as. */
export type DocumentCode = 'BAD_CONFIG' | 'BAD_EXPECTATIONS' | 'BAD_WORKLOADS'

const REMEDIES: Readonly<Record<DocumentCode, string>> = {
  BAD_CONFIG: 'Correct the places named above; docs/configuration.md lists every key with its type and limits.',
  BAD_EXPECTATIONS: 'Correct the places named above and start again; nothing was loaded.',
  BAD_WORKLOADS: 'Correct the places named above; docs/workloads.md lists every key.',
}

const isDocumentCode = (code: ErrorCode): code is DocumentCode => Object.hasOwn(REMEDIES, code)

/**
 * Parses YAML 1.2 or JSON text, validates it and returns the value with a way to find where a key path stands in the
 * text (`atKey`: of its last key, not of what that holds). An empty document is `undefined` to the schema. Throws
 * `code` listing every problem of the syntax or, where that is right, of the values.
 */
export function readDocument<T>(options: {
  readonly path: string
  readonly text: string
  readonly schema: z.ZodType<T>
  readonly code: DocumentCode
}): { readonly value: T; locate(keyPath: KeyPath, atKey?: boolean): Position } {
  const { path, code } = options
  const lines = new (yaml().LineCounter)()
  try {
    const document = parse(options, lines)
    const locate = (keyPath: KeyPath, atKey = false): Position => position(lines, offsetOf(document, keyPath, atKey))
    const isEmpty = holdsNothing(document)
    const input: unknown = isEmpty ? undefined : document.toJS({ maxAliasCount: MAX_ALIASES })
    const checked = checkValue(options.schema, input)
    if ('value' in checked) return { value: checked.value, locate }
    const empty: Problem = { ...START, key: '', message: 'the file is empty' }
    const found = checked.problems.map(
      ({ path: at, message, atKey }): Problem => ({ ...locate(at, atKey), key: keyText(at), message }),
    )
    found.sort((a, b) => a.line - b.line || a.column - b.column)
    throw problemsError(code, path, isEmpty ? [empty] : found)
  } catch (error) {
    if (error instanceof UnderstudyError) throw error
    throw problemsError(code, path, [{ ...START, key: '', message: parserFailure(error) }], error)
  }
}

/** The error for a list of problems of one file, one line each: `FILE:LINE:COL key: message`. */
export function problemsError(
  code: ErrorCode,
  path: string,
  problems: readonly Problem[],
  cause?: unknown,
): UnderstudyError {
  const lines = problems.map(({ line, column, key, message }) => {
    return `${path}:${line}:${column} ${key === '' ? '' : `${key}: `}${message}`
  })
  return listError(code, path, lines, cause)
}

/** The error for a list of problems that are already lines of text. At most 100 are listed, the rest counted. */
export function listError(code: ErrorCode, path: string, lines: readonly string[], cause?: unknown): UnderstudyError {
  const listed = lines.slice(0, MAX_LISTED)
  if (lines.length > MAX_LISTED) listed.push(`… and ${lines.length - MAX_LISTED} more`)
  const remedy = isDocumentCode(code) ? REMEDIES[code] : 'Correct the places named above.'
  return new UnderstudyError(code, listed.join('\n'), { cause, remedy, facts: { path, problems: lines.length } })
}

/** Reads a whole UTF-8 file of at most 16 MiB. Throws FILE_UNREADABLE naming the path, the cause and the remedy. */
export function readTextFile(path: string): string {
  let bytes: Buffer
  try {
    bytes = readBounded(path)
  } catch (error) {
    throw unreadable(path, reasonOf(error), remedyFor(error), error)
  }
  if (bytes.length > MAX_FILE_BYTES) {
    throw unreadable(path, 'it is larger than 16 MiB', 'Give a smaller file, or split it.')
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw unreadable(path, 'it is not UTF-8 text', 'Give a text file saved as UTF-8.', error)
  }
}

/** Reads by chunks and stops one byte past the bound: a pipe or a device has no size to ask for. */
function readBounded(path: string): Buffer {
  const descriptor = openSync(path, 'r')
  try {
    const chunks: Buffer[] = []
    let total = 0
    while (total <= MAX_FILE_BYTES) {
      const chunk = Buffer.allocUnsafe(Math.min(65536, MAX_FILE_BYTES + 1 - total))
      const count = readSync(descriptor, chunk)
      if (count === 0) break
      chunks.push(chunk.subarray(0, count))
      total += count
    }
    return Buffer.concat(chunks, total)
  } finally {
    closeSync(descriptor)
  }
}

function unreadable(path: string, reason: string, remedy: string, cause?: unknown): UnderstudyError {
  return new UnderstudyError('FILE_UNREADABLE', `cannot read ${path}: ${reason}`, { cause, remedy, facts: { path } })
}

function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}

function reasonOf(error: unknown): string {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'no such file',
    EACCES: 'permission denied',
    EISDIR: 'it is a directory',
    ENOTDIR: 'a part of the path is not a directory',
  }
  return reasons[systemCode(error)] ?? (error instanceof Error ? error.message : String(error))
}

function remedyFor(error: unknown): string {
  switch (systemCode(error)) {
    case 'EACCES':
      return 'Give this user the right to read it.'
    case 'EISDIR':
      return 'Name a file inside it.'
    default:
      return `Check the path; a relative one starts at ${process.cwd()}.`
  }
}

/** Blank, comments only, or a lone `---`; an explicit `null` or `""` is something. */
function holdsNothing({ contents }: Yaml.Document): boolean {
  return contents === null || (yaml().isScalar(contents) && contents.value === null && contents.source === '')
}

/** Parses and throws all syntax problems at once. Duplicate keys and unknown tags are refused, not guessed at. */
function parse(
  options: { readonly path: string; readonly text: string; readonly code: ErrorCode },
  lines: Yaml.LineCounter,
): Yaml.Document {
  const document = yaml().parseDocument(options.text, {
    lineCounter: lines,
    version: '1.2',
    schema: 'core',
    prettyErrors: false,
    logLevel: 'error',
  })
  const problems = [...document.errors, ...document.warnings].map(
    (fault): Problem => ({
      ...position(lines, fault.pos[0]),
      key: '',
      message: syntaxMessage(fault),
    }),
  )
  if (problems.length > 0) throw problemsError(options.code, options.path, problems)
  return document
}

function syntaxMessage(fault: { readonly code: string; readonly message: string }): string {
  if (fault.code === 'DUPLICATE_KEY') return 'this key is given twice'
  // The parser reports its own exhausted stack as if it were a mistake in the text.
  if (fault.message.startsWith('Maximum call stack')) return 'nested too deeply'
  return `not valid YAML or JSON: ${fault.message}`
}

function parserFailure(error: unknown): string {
  if (error instanceof RangeError) return 'nested too deeply'
  return error instanceof Error ? error.message : String(error)
}

function position(lines: Yaml.LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset)
  return line === 0 ? START : { line, column: Math.max(1, col) }
}

/**
 * Where the deepest part of `keyPath` that exists stands: a scalar's own start, unless `atKey` asks for its key's; an
 * object's or a list's key; a list item's start.
 */
function offsetOf(document: Yaml.Document, keyPath: KeyPath, atKey: boolean): number {
  let node: Yaml.Node | null = document.contents
  let offset = node?.range?.[0] ?? 0
  for (const [index, part] of keyPath.entries()) {
    if (yaml().isAlias(node)) node = node.resolve(document) ?? null
    const found: Found | undefined = childOf(node, part)
    if (!found) return offset
    node = found.node
    const own = node?.range
    const atValue = yaml().isScalar(node) && own && own[1] > own[0] && !(atKey && index === keyPath.length - 1)
    if (found.keyOffset === undefined || atValue) offset = own?.[0] ?? offset
    else offset = found.keyOffset
  }
  return offset
}

interface Found {
  readonly node: Yaml.Node | null
  readonly keyOffset?: number
}

function childOf(node: Yaml.Node | null, part: string | number): Found | undefined {
  if (yaml().isSeq<Yaml.Node>(node)) {
    const item = node.items[Number(part)]
    return item ? { node: item } : undefined
  }
  if (!yaml().isMap<Yaml.Node, Yaml.Node | null>(node)) return undefined
  const pair = node.items.find(({ key }) => String(yaml().isScalar(key) ? (key.value ?? '') : key) === String(part))
  return pair ? { node: pair.value, keyOffset: pair.key.range?.[0] ?? 0 } : undefined
}
