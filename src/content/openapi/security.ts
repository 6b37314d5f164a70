/** Security schemes of an operation: that a key or an Authorization header is there. What they say is not judged. */
import { isJson, type Json, type Report, written } from './faults.ts'
import type { Operation } from './operations.ts'
import type { Sources } from './parameters.ts'
import type { Follow } from './references.ts'

type Check = (sources: Sources) => boolean

/** Undefined where nothing is asked. */
export function compileSecurity(operation: Operation, root: Json, follow: Follow, report: Report): Check | undefined {
  const components = isJson(root['components']) ? root['components'] : {}
  const schemes = isJson(components['securitySchemes']) ? components['securitySchemes'] : {}
  const ways = operation.security.map((requirement, index) => {
    const at = [...operation.at, 'security', index]
    if (!isJson(requirement)) {
      report(at, 'expected an object')
      return []
    }
    return Object.keys(requirement).flatMap((name): Check[] => {
      if (!Object.hasOwn(schemes, name)) {
        report([...at, name], 'is not among components.securitySchemes')
        return []
      }
      const check = checkOf(follow(schemes[name], ['components', 'securitySchemes', name]).value)
      return check ? [check] : []
    })
  })
  // One way that asks for nothing makes all the others optional.
  if (ways.some((checks) => checks.length === 0)) return undefined
  return ways.length === 0 ? undefined : (sources) => ways.some((checks) => checks.every((check) => check(sources)))
}

function checkOf(scheme: unknown): Check | undefined {
  if (!isJson(scheme)) return undefined
  const name = written(scheme['name'])
  switch (scheme['type']) {
    case 'apiKey': {
      const place = scheme['in']
      if (place === 'header') return ({ headers }) => has(headers, name, true)
      if (place === 'query') return ({ query }) => has(query, name, false)
      return place === 'cookie' ? ({ cookies }) => has(cookies, name, false) : undefined
    }
    case 'http':
      return authorized(written(scheme['scheme']))
    case 'oauth2':
    case 'openIdConnect':
      return authorized('bearer')
    default:
      return undefined
  }
}

function authorized(scheme: string): Check {
  const start = `${scheme.toLowerCase()} `
  return ({ headers }) => {
    for (let at = 0; at < headers.length; at += 2) {
      if (headers[at]?.toLowerCase() === 'authorization' && headers[at + 1]?.toLowerCase().startsWith(start))
        return true
    }
    return false
  }
}

function has(pairs: readonly string[], name: string, isAnyCase: boolean): boolean {
  const wanted = isAnyCase ? name.toLowerCase() : name
  for (let at = 0; at < pairs.length; at += 2) {
    const found = pairs[at] ?? ''
    if ((isAnyCase ? found.toLowerCase() : found) === wanted && pairs[at + 1] !== '') return true
  }
  return false
}
