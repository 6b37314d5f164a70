/** Reads an OpenAPI document: inline, or the text of one in JSON or YAML. Bounded in size, depth and aliases. */
import { yaml } from '../libraries.ts'
import { type Fault, isJson, type Json, written } from './faults.ts'
import { upgradeSwagger } from './swagger2.ts'

/** A document whose operations can be listed. One of Swagger 2.0 has been turned into one of OpenAPI 3.0. */
export interface Spec {
  readonly root: Json
  /** Whose JSON Schema it has: 3.0's own, or 2020-12. */
  readonly dialect: '3.0' | '3.1'
  /** As it was given, in JSON. */
  readonly text: string
}

const MAX_VALUES = 1_000_000
const MAX_DEPTH = 150
/** Its parser takes about a second for each MiB. */
const MAX_YAML_CHARACTERS = 4 * 1024 * 1024
const MAX_ALIASES = 100

/** `given` is what `specUrlOrPayload` says. */
export function readSpec(given: unknown): { readonly spec: Spec } | { readonly faults: readonly Fault[] } {
  const read = typeof given === 'string' ? readText(given) : { value: given }
  if ('problem' in read) return faulty(read.problem)
  const { value } = read
  if (!isJson(value)) return faulty('expected an OpenAPI document, or the text of one in JSON or YAML')
  const problem = tooLarge(value)
  if (problem !== undefined) return faulty(problem)
  const text = JSON.stringify(value)
  const version = written(value['openapi'])
  if (/^3(?:\.0(?:\.|$)|$)/.test(version)) return { spec: { root: value, dialect: '3.0', text } }
  if (/^3\.[12](?:\.|$)/.test(version)) return { spec: { root: value, dialect: '3.1', text } }
  if (version !== '') return faulty(`OpenAPI ${version.slice(0, 20)} is not supported; there are 2.0, 3.0, 3.1 and 3.2`)
  if (!/^2(?:\.0)?$/.test(written(value['swagger']))) return faulty('attribute openapi is missing')
  const upgraded = upgradeSwagger(value)
  return 'faults' in upgraded ? upgraded : { spec: { root: upgraded.root, dialect: '3.0', text } }
}

function faulty(message: string): { readonly faults: readonly Fault[] } {
  return { faults: [{ at: [], message }] }
}

/** The value that text stands for. What could only be an address is said to be one. */
function readText(text: string): { readonly value: unknown } | { readonly problem: string } {
  const trimmed = text.replace(/^\ufeff/, '').trim()
  if (trimmed === '') return { problem: 'the document is empty' }
  if (/^[a-z][a-z0-9+.-]*:\/?\/?\S+$/i.test(trimmed)) {
    return { problem: 'is an address, and nothing is fetched: give the document itself, as an object or as its text' }
  }
  if (/^\S+\.(?:json|ya?ml)$/i.test(trimmed)) {
    return { problem: 'is the path of a file, which only a file of expectations may name: give the document itself' }
  }
  return trimmed.startsWith('{') ? readJson(trimmed) : readYaml(trimmed)
}

function readJson(text: string): { readonly value: unknown } | { readonly problem: string } {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    return { problem: `not valid JSON: ${reasonOf(error)}` }
  }
}

/** YAML 1.2 as files of expectations are written in. */
export function readYaml(text: string): { readonly value: unknown } | { readonly problem: string } {
  if (text.length > MAX_YAML_CHARACTERS) return { problem: 'YAML of more than 4 MiB; give it as JSON' }
  try {
    const document = yaml().parseDocument(text, {
      version: '1.2',
      schema: 'core',
      prettyErrors: false,
      logLevel: 'error',
    })
    const [fault] = [...document.errors, ...document.warnings]
    if (fault) return { problem: `not valid YAML: ${yamlReason(fault.message)}` }
    return { value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown }
  } catch (error) {
    return { problem: `not valid YAML: ${reasonOf(error)}` }
  }
}

/** The parser reports its own exhausted stack as if it were a mistake in the text. */
function yamlReason(message: string): string {
  return message.startsWith('Maximum call stack') ? 'nested too deeply' : message.slice(0, 200)
}

function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return 'nested too deeply'
  return error instanceof Error ? error.message.slice(0, 200) : String(error)
}

/** Counts what aliases stand for as often as they do; walks without recursion. */
function tooLarge(root: Json): string | undefined {
  let level: unknown[] = [root]
  let count = 1
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return `nested more than ${MAX_DEPTH} deep`
    const next: unknown[] = []
    for (const value of level) {
      if (typeof value !== 'object' || value === null) continue
      if (Object.hasOwn(value, '__proto__')) return 'has a key named __proto__'
      const inner = Object.values(value)
      count += inner.length
      if (count > MAX_VALUES) return `has more than ${MAX_VALUES} values`
      for (const one of inner) next.push(one)
    }
    level = next
  }
  return undefined
}
