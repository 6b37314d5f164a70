/** Field and label selectors, as far as lists and watches of pods and namespaces take them. */
import type { KubeObject } from './objects.ts'

export type Selects = (object: KubeObject) => boolean

/** What an API server lets pods and namespaces be selected by. */
const FIELDS = new Set(['metadata.name', 'metadata.namespace', 'spec.nodeName', 'status.phase'])

const fieldOf = (object: unknown, path: string): string => {
  let at = object
  for (const key of path.split('.')) at = typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined
  return typeof at === 'string' ? at : ''
}

/** Throws what to say of it where it cannot be understood. */
export const fieldSelector = (text: string): Selects => {
  const terms = text.split(',').filter(Boolean)
  const tests = terms.map((term): Selects => {
    const [, field = '', operator = '', value = ''] = /^([^=!]+)(==|=|!=)(.*)$/.exec(term) ?? []
    if (!operator) throw new Error(`invalid selector: '${text}'; can't understand '${term}'`)
    if (!FIELDS.has(field)) throw new Error(`field label not supported: ${field}`)
    return (object) => (fieldOf(object, field) === value) === (operator !== '!=')
  })
  return (object) => tests.every((test) => test(object))
}

const labelTerm = (term: string): Selects => {
  const labels = ({ metadata }: KubeObject): Readonly<Record<string, string>> => metadata.labels ?? {}
  const [, set = '', operator = '', list = ''] = /^\s*(\S+)\s+(in|notin)\s+\((.*)\)\s*$/.exec(term) ?? []
  if (operator) {
    const values = list.split(',').map((value) => value.trim())
    return (object) => values.includes(labels(object)[set] ?? '\0') === (operator === 'in')
  }
  const [, key = '', sign = '', value = ''] = /^\s*([^=!\s]+)\s*(==|=|!=)\s*(\S*)\s*$/.exec(term) ?? []
  if (sign) return (object) => (labels(object)[key] === value) === (sign !== '!=')
  const name = term.trim()
  return name.startsWith('!')
    ? (object) => !Object.hasOwn(labels(object), name.slice(1))
    : (object) => Object.hasOwn(labels(object), name)
}

export const labelSelector = (text: string): Selects => {
  const tests = text
    .split(/,(?![^(]*\))/)
    .filter(Boolean)
    .map(labelTerm)
  return (object) => tests.every((test) => test(object))
}
