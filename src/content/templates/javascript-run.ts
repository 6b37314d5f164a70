/**
 * One JavaScript template run in an interpreter of its own within WebAssembly: a heap and a stack with limits, a deadline,
 * nothing of the host but the functions below, and nothing left for the next one.
 */
import { createHash } from 'node:crypto'
import type { ScriptContext, ScriptEngine, ScriptValue } from '../libraries.ts'
import { asBody, findPlainJson, findXml } from './body-queries.ts'
import { parseLenientJson } from './lenient-json.ts'
import { createMeter, MAX_OUTPUT, type Meter, TemplateStop } from './meter.ts'
import type { Rendered, TemplateSources } from './template.ts'
import { fromJson, textOfValue, toJson, type Value } from './value.ts'
import { functionValue, namedTool } from './variables.ts'

/** All that the thread is told; plain, so that it can be sent there. */
export interface JavaScriptJob {
  readonly template: string
  /** JSON. */
  readonly request: string
  /** Of the request, where `jsonPath` or `xPath` may ask for it. */
  readonly body: string | undefined
  /** The functions and tools that the template names. */
  readonly functions: readonly string[]
  readonly tools: readonly string[]
  /** Whether it may use promises or typed arrays: they cost a third of the time a run takes. */
  readonly isModern: boolean
  readonly nowMs: number
  /** What random values come from. */
  readonly seed: string
}

const MEMORY_BYTES = 8 * 1024 * 1024
const STACK_BYTES = 256 * 1024

const COMMON = {
  BaseObjects: true,
  Date: true,
  Eval: true,
  StringNormalize: true,
  RegExp: true,
  RegExpCompiler: true,
  JSON: true,
  Proxy: true,
  MapSet: true,
  BigInt: true,
} as const

/** Makes what templates see, calls the template, and prints what it returns. Names of headers have no case. */
const PRELUDE = `(host, json, handle) => {
  const { stringify, parse } = JSON
  const { request, values, tools } = parse(json)
  const call = (tool, method, args) => parse(host(tool, method, stringify(args))).value
  const { headers } = request
  if (headers) {
    request.headers = new Proxy(headers, {
      get(target, name) {
        if (Object.hasOwn(target, name) || typeof name !== 'string') return target[name]
        const wanted = name.toLowerCase()
        for (const key in target) if (key.toLowerCase() === wanted) return target[key]
        return target[name]
      },
    })
  }
  Object.assign(globalThis, values)
  for (const [tool, methods] of tools) {
    globalThis[tool] = Object.fromEntries(methods.map((method) => [method, (...args) => call(tool, method, args)]))
  }
  globalThis.jsonPath = (path) => call('request', 'jsonPath', [path])
  globalThis.xPath = (path) => call('request', 'xPath', [path])
  return stringify(handle(request))
}`

/** Never throws. `clockMs` is for the deadline only. */
export function runTemplate(
  engine: ScriptEngine,
  job: JavaScriptJob,
  limit: { readonly timeoutMs: number; readonly clockMs: () => number },
): Rendered {
  const deadline = limit.clockMs() + limit.timeoutMs
  const runtime = engine.newRuntime({
    memoryLimitBytes: MEMORY_BYTES,
    maxStackSizeBytes: STACK_BYTES,
    interruptHandler: () => limit.clockMs() > deadline,
  })
  try {
    const modern = job.isModern ? { Promise: true, TypedArrays: true } : {}
    const context = runtime.newContext({ intrinsics: { ...COMMON, ...modern } })
    try {
      const text = runIn(context, job)
      if (text.length > MAX_OUTPUT) return { problem: `the template returns more than ${MAX_OUTPUT} characters` }
      const parsed = parseLenientJson(text)
      if (
        'problem' in parsed ||
        typeof parsed.value !== 'object' ||
        parsed.value === null ||
        Array.isArray(parsed.value)
      ) {
        return { problem: 'the template must return an object' }
      }
      return { document: parsed.value }
    } finally {
      context.dispose()
    }
  } catch (error) {
    if (error instanceof TemplateStop) return { problem: told(error.message, limit.timeoutMs) }
    return { problem: `the template failed: ${error instanceof Error ? error.message : String(error)}` }
  } finally {
    runtime.dispose()
  }
}

function told(message: string, timeoutMs: number): string {
  if (/\binterrupted\b/.test(message)) return `the template takes longer than ${timeoutMs} ms`
  return /\bout of memory\b/.test(message) ? `the template needs more than ${MEMORY_BYTES >> 20} MiB` : message
}

function runIn(context: ScriptContext, job: JavaScriptJob): string {
  const random = randomFrom(job.seed)
  const sources: TemplateSources = { nowMs: job.nowMs, randomBytes: random }
  const values = Object.fromEntries(job.functions.map((name) => [name, functionValue(name, sources)]))
  const tools = job.tools.map((name) => [name, [...(namedTool(name, sources)?.members.keys() ?? [])]])
  const json = `{"values":${JSON.stringify(values)},"tools":${JSON.stringify(tools)},"request":${job.request}}`
  const meter = createMeter()
  const held: ScriptValue[] = []
  const keep = (handle: ScriptValue): ScriptValue => {
    held.push(handle)
    return handle
  }
  try {
    const host = keep(
      context.newFunction('host', (tool, method, args) => {
        try {
          const [toolName, methodName] = [context.getString(tool), context.getString(method)]
          return context.newString(called(toolName, methodName, context.getString(args), { job, sources, meter }))
        } catch (error) {
          return { error: context.newError(error instanceof Error ? error.message : String(error)) }
        }
      }),
    )
    const handle = keep(evaluated(context, `(function (request) {\n${job.template}\n})`, 'template'))
    const prelude = keep(evaluated(context, PRELUDE, 'prelude'))
    const result = context.callFunction(prelude, context.undefined, host, keep(context.newString(json)), handle)
    if (result.error) throw problemOf(context, keep(result.error))
    const value = keep(result.value)
    if (context.typeof(value) !== 'string') throw new TemplateStop('the template returns nothing')
    return context.getString(value)
  } finally {
    for (const handle of held) handle.dispose()
  }
}

function evaluated(context: ScriptContext, code: string, name: string): ScriptValue {
  const result = context.evalCode(code, name)
  if (!result.error) return result.value
  const problem = problemOf(context, result.error)
  result.error.dispose()
  throw problem
}

/** What was thrown, in words; reading it is within the same limits. */
function problemOf(context: ScriptContext, thrown: ScriptValue): TemplateStop {
  if (context.typeof(thrown) !== 'object')
    return new TemplateStop(`the template throws ${shown(context.getString(thrown))}`)
  const read = (name: string): string => {
    const property = context.getProp(thrown, name)
    const text = context.typeof(property) === 'string' ? context.getString(property) : ''
    property.dispose()
    return shown(text)
  }
  const line = /\btemplate:(\d+)/.exec(read('stack'))?.[1]
  // The first line is that of the function around it.
  const place = line === undefined ? '' : ` (line ${Number(line) - 1})`
  return new TemplateStop(`the template throws ${read('name') || 'something'}: ${read('message')}${place}`)
}

function shown(text: string): string {
  return text.length > 500 ? `${text.slice(0, 500)}…` : text
}

interface Host {
  readonly job: JavaScriptJob
  readonly sources: TemplateSources
  readonly meter: Meter
}

/** A method of a tool, with arguments and result as JSON. */
function called(tool: string, method: string, json: string, { job, sources, meter }: Host): string {
  const given: unknown = JSON.parse(json)
  const args: Value[] = Array.isArray(given) ? given.map((item) => fromJson(item, meter)) : []
  if (tool === 'request') {
    const body = asBody(job.body ?? '')
    const path = textOfValue(args[0], meter)
    const value = method === 'xPath' ? findXml(body, path, meter) : findPlainJson(body, path, meter).json
    return JSON.stringify({ value: value ?? '' })
  }
  const member = namedTool(tool, sources)?.members.get(method)
  return JSON.stringify({ value: member ? toJson(member(args, meter), meter) : null })
}

/** Bytes that follow from the seed alone. */
function randomFrom(seed: string): (count: number) => Buffer {
  let round = 0
  return (count) => {
    const blocks: Buffer[] = []
    for (let at = 0; at < count; at += 32) blocks.push(createHash('sha256').update(`${seed}:${round++}`).digest())
    return Buffer.concat(blocks).subarray(0, count)
  }
}
