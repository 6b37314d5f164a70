/**
 * The libraries that read bodies, each loaded when the first expectation or filter is compiled that needs it: together
 * they hold 10 MiB and take 100 ms, which nobody without such an expectation should pay. Nothing else may import them
 * but as types. The one that judges by XML schemas is loaded in a thread of its own (xml-schema-worker.ts).
 */
import { createRequire } from 'node:module'
import type * as Xmldom from '@xmldom/xmldom'
import type * as Ajv from 'ajv'
import type * as Ajv2019 from 'ajv/dist/2019.js'
import type * as Ajv2020 from 'ajv/dist/2020.js'
import type * as Formats from 'ajv-formats/dist/formats.js'
import type * as Graphql from 'graphql'
import type * as JsonP3 from 'json-p3'
import type * as OpenapiSampler from 'openapi-sampler'
import type * as Re2js from 're2js'
import type * as Yaml from 'yaml'

/** What is used of the library; its own types would bring a browser's into the whole project. */
interface Xpath {
  parse(source: string): {
    evaluateBoolean(options: object): boolean
    evaluateString(options: object): string
    evaluateNodeSet(options: object): { toArray(): readonly unknown[] }
  }
}

/** What is used of QuickJS; its own types need those of WebAssembly, which are a browser's. */
export interface ScriptEngine {
  newRuntime(options: {
    readonly memoryLimitBytes: number
    readonly maxStackSizeBytes: number
    readonly interruptHandler: () => boolean
  }): ScriptRuntime
}

export interface ScriptRuntime {
  newContext(options: { readonly intrinsics: Readonly<Record<string, boolean>> }): ScriptContext
  dispose(): void
}

export interface ScriptContext {
  readonly undefined: ScriptValue
  newString(text: string): ScriptValue
  newError(message: string): ScriptValue
  newFunction(
    name: string,
    call: (...args: [ScriptValue, ScriptValue, ScriptValue]) => ScriptValue | { readonly error: ScriptValue },
  ): ScriptValue
  getString(value: ScriptValue): string
  getProp(value: ScriptValue, name: string): ScriptValue
  typeof(value: ScriptValue): string
  evalCode(code: string, name: string): ScriptResult
  callFunction(called: ScriptValue, self: ScriptValue, ...args: readonly ScriptValue[]): ScriptResult
  dispose(): void
}

/** A value in there; lives until it is disposed of. */
export interface ScriptValue {
  dispose(): void
}

export type ScriptResult =
  | { readonly error: ScriptValue; readonly value?: never }
  | { readonly value: ScriptValue; readonly error?: never }

const require = createRequire(import.meta.url)

export const xmldom = once<typeof Xmldom>('@xmldom/xmldom')
export const ajv = once<typeof Ajv>('ajv')
export const ajv2019 = once<typeof Ajv2019>('ajv/dist/2019.js')
export const ajv2020 = once<typeof Ajv2020>('ajv/dist/2020.js')
/** The meta-schema of draft-06. */
export const draft06 = once<Ajv.AnySchemaObject>('ajv/dist/refs/json-schema-draft-06.json')
export const formats = once<typeof Formats>('ajv-formats/dist/formats.js')
export const graphql = once<typeof Graphql>('graphql')
export const jsonP3 = once<typeof JsonP3>('json-p3')
export const openapiSampler = once<typeof OpenapiSampler>('openapi-sampler')
export const re2js = once<typeof Re2js>('re2js')
export const yaml = once<typeof Yaml>('yaml')
export const xpath = once<Xpath>('xpath')

/** The interpreter of JavaScript templates. Reading it in takes a while: only its own thread waits for it. */
export function quickjs(): Promise<ScriptEngine> {
  const core = require('quickjs-emscripten-core') as { newQuickJSWASMModuleFromVariant(variant: unknown): unknown }
  const variant = require('@jitl/quickjs-wasmfile-release-sync') as { readonly default: unknown }
  return core.newQuickJSWASMModuleFromVariant(variant.default) as Promise<ScriptEngine>
}

/** Loads on the first call, synchronously: compiling an expectation has no place to wait. */
function once<T>(name: string): () => T {
  let loaded: T | undefined
  return () => {
    loaded ??= require(name) as T
    return loaded
  }
}
