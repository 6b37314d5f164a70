/** The names that every template knows: the request, the functions of 5.15, and the tools of 7.x. */
import { asBody, findJson, findXml } from './body-queries.ts'
import { type Meter, TemplateStop } from './meter.ts'
import { requestValue } from './request-value.ts'
import type { TemplateModel, TemplateSources } from './template.ts'
import { isoTime, rfc1123Time } from './time-text.ts'
import { calcTool } from './tools/calc.ts'
import { cryptoTool } from './tools/crypto.ts'
import { csvTool } from './tools/csv.ts'
import { datesTool } from './tools/dates.ts'
import { htmlTool } from './tools/html.ts'
import { jsonTransformTool } from './tools/json-transform.ts'
import { regexTool } from './tools/regex.ts'
import { stringsTool } from './tools/strings.ts'
import { yamlTool } from './tools/yaml.ts'
import { type Tool, textOfValue, tool, type Value } from './value.ts'

/** Worked out each time they are named. */
const FUNCTIONS: Readonly<Record<string, (sources: TemplateSources) => string>> = {
  now: ({ nowMs }) => isoTime(nowMs),
  now_iso_8601: ({ nowMs }) => isoTime(nowMs),
  now_epoch: ({ nowMs }) => String(Math.floor(nowMs / 1000)),
  now_rfc_1123: ({ nowMs }) => rfc1123Time(nowMs),
  uuid: uuid,
  rand_int: (sources) => String(randomBelow(10, sources)),
  rand_int_10: (sources) => String(randomBelow(10, sources)),
  rand_int_100: (sources) => String(randomBelow(100, sources)),
  rand_bytes: ({ randomBytes }) => randomBytes(16).toString('base64'),
  rand_bytes_16: ({ randomBytes }) => randomBytes(16).toString('base64'),
  rand_bytes_32: ({ randomBytes }) => randomBytes(32).toString('base64'),
  rand_bytes_64: ({ randomBytes }) => randomBytes(64).toString('base64'),
  rand_bytes_128: ({ randomBytes }) => randomBytes(128).toString('base64'),
}

export const FUNCTION_NAMES: readonly string[] = Object.keys(FUNCTIONS)

const TOOLS: Readonly<Record<string, (sources: TemplateSources) => Tool>> = {
  strings: () => stringsTool,
  dates: ({ nowMs }) => datesTool(nowMs),
  calc: (sources) => calcTool((limit) => randomBelow(limit, sources)),
  crypto: () => cryptoTool,
  regex: () => regexTool,
  csv: () => csvTool,
  yaml: () => yamlTool,
  html: () => htmlTool,
  jsonTransform: () => jsonTransformTool,
  xpath: () =>
    tool('xpath', {
      evaluate: ([xml, path], meter) => findXml(asBody(textOfValue(xml, meter)), textOfValue(path, meter), meter),
    }),
}

export const TOOL_NAMES: readonly string[] = Object.keys(TOOLS)

/** The value of one of the functions; undefined for another name. */
export function functionValue(name: string, sources: TemplateSources): string | undefined {
  return Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name]?.(sources) : undefined
}

/** A tool by its name; undefined for another name. */
export function namedTool(name: string, sources: TemplateSources): Tool | undefined {
  return Object.hasOwn(TOOLS, name) ? TOOLS[name]?.(sources) : undefined
}

/** Looks names up for one rendering. */
export function createVariables(model: TemplateModel, sources: TemplateSources, meter: Meter): (name: string) => Value {
  const kept = new Map<string, Tool>()
  return (name) => {
    meter.step()
    const known = kept.get(name)
    if (known) return known
    const made = name === 'request' ? requestValue(model, meter) : namedTool(name, sources)
    if (!made) return functionValue(name, sources)
    kept.set(name, made)
    return made
  }
}

/** `jsonPath` and `xPath` as Velocity knows them: with a method `find`. */
export function bodyTools(model: TemplateModel): Readonly<Record<string, Tool>> {
  return {
    jsonPath: tool('jsonPath', {
      find: ([path], meter) => findJson(model.body, textOfValue(path, meter), meter) ?? '',
    }),
    xPath: tool('xPath', { find: ([path], meter) => findXml(model.body, textOfValue(path, meter), meter) }),
  }
}

function uuid({ randomBytes }: TemplateSources): string {
  const bytes = randomBytes(16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function randomBelow(limit: number, { randomBytes }: TemplateSources): number {
  if (limit < 1 || limit > 2 ** 48) throw new TemplateStop('a range of random numbers must have at least one')
  return randomBytes(6).readUIntBE(0, 6) % limit
}
