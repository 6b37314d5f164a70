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

/** What is used of the library; its own types would bring a browser's into the whole project. */
interface Xpath {
  parse(source: string): { evaluateBoolean(options: object): boolean }
}

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
export const xpath = once<Xpath>('xpath')

/** Loads on the first call, synchronously: compiling an expectation has no place to wait. */
function once<T>(name: string): () => T {
  let loaded: T | undefined
  return () => {
    loaded ??= require(name) as T
    return loaded
  }
}
