/** `jsonTransform`: JSON text in, JSON text out. What is not JSON, or has not the shape that is asked for, is an empty text. */
import { prettyJson } from '../../../decide/matching/pretty-json.ts'
import { isShallow } from '../../json-value.ts'
import { charge, type Meter } from '../meter.ts'
import { tool, type Value } from '../value.ts'
import { textAt } from './arguments.ts'

type Record_ = Readonly<Record<string, unknown>>

export const jsonTransformTool = tool('jsonTransform', {
  merge: (args, meter) => {
    const [one, other] = [objectAt(args, 0, meter), objectAt(args, 1, meter)]
    return one && other ? written({ ...one, ...other }, meter) : ''
  },
  sort: (args, meter) => {
    const list = listAt(args, 0, meter)
    const name = textAt(args, 1, meter)
    if (!list) return ''
    meter.step(list.length * 20)
    const sorted = list.toSorted((one, other) => order(fieldOf(one, name), fieldOf(other, name)))
    return written(sorted, meter)
  },
  arrayAdd: (args, meter) => {
    const list = listAt(args, 0, meter)
    return list ? written([...list, parsedAt(args, 1, meter)], meter) : ''
  },
  remove: (args, meter) => {
    const object = objectAt(args, 0, meter)
    const name = textAt(args, 1, meter)
    if (!object) return ''
    return written(Object.fromEntries(Object.entries(object).filter(([key]) => key !== name)), meter)
  },
  prettyPrint: (args, meter) => {
    const json = parsedAt(args, 0, meter)
    const text = json === undefined ? '' : prettyJson(json)
    charge(meter, text.length)
    return text
  },
  field: (args, meter) => {
    const found = fieldOf(objectAt(args, 0, meter), textAt(args, 1, meter))
    if (found === undefined || found === null) return ''
    return typeof found === 'object' ? written(found, meter) : String(found)
  },
  size: (args, meter) => {
    const json = parsedAt(args, 0, meter)
    if (Array.isArray(json)) return json.length
    return isObject(json) ? Object.keys(json).length : 0
  },
})

function written(json: unknown, meter: Meter): string {
  const text = JSON.stringify(json)
  charge(meter, text.length)
  return text
}

function parsedAt(args: readonly Value[], at: number, meter: Meter): unknown {
  const text = textAt(args, at, meter)
  meter.step(text.length >> 4)
  try {
    const json: unknown = JSON.parse(text)
    return isShallow(json) ? json : undefined
  } catch {
    return undefined
  }
}

function objectAt(args: readonly Value[], at: number, meter: Meter): Record_ | undefined {
  const json = parsedAt(args, at, meter)
  return isObject(json) ? json : undefined
}

function listAt(args: readonly Value[], at: number, meter: Meter): readonly unknown[] | undefined {
  const json = parsedAt(args, at, meter)
  return Array.isArray(json) ? json : undefined
}

function isObject(json: unknown): json is Record_ {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function fieldOf(json: unknown, name: string): unknown {
  return isObject(json) && Object.hasOwn(json, name) ? json[name] : undefined
}

function order(one: unknown, other: unknown): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other
  const [left, right] = [String(one ?? ''), String(other ?? '')]
  if (left === right) return 0
  return left < right ? -1 : 1
}
