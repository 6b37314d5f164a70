/** The hosts that expectations name: a DNS server can make up an address for one that exists nowhere else. */
import type { Workload } from '../../flow.ts'
import type { Expectation } from './expectation.ts'
import { concerns, type Scope } from './scope.ts'
import type { ExpectationStore } from './store.ts'

const ESCAPED_DOT = /\\\./g
const PORT = /:\d{1,5}$/
/** A host name as resolvers take it, at least one letter in its last label: no IP literal, no pattern. */
const HOST_NAME = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?=[0-9_-]*[a-z])[a-z0-9_-]{1,63}$/

/** By host name: the scopes of the expectations that name it, undefined for one that is for everybody. */
export type ExpectedHosts = ReadonlyMap<string, readonly (Scope | undefined)[]>

/**
 * The host names that some expectation asks for in its `host` header, in lower case and without their ports. A dot stands
 * for itself here, though it is any character to the matcher; a value that is more of a pattern than that names no host.
 */
export const expectedHosts = (expectations: readonly Expectation[]): ExpectedHosts => {
  const hosts = new Map<string, (Scope | undefined)[]>()
  for (const { request, conditions } of expectations) {
    for (const { name, value } of request?.headers?.required ?? []) {
      if (name.lower !== 'host' || !value || value.negated) continue
      const host = value.lower.replace(ESCAPED_DOT, '.').replace(PORT, '')
      if (!HOST_NAME.test(host)) continue
      const scopes = hosts.get(host)
      if (scopes) scopes.push(conditions?.scope)
      else hosts.set(host, [conditions?.scope])
    }
  }
  return hosts
}

/** Whether an expectation that a workload's flows can match names this host, in lower case. */
export type IsExpectedHost = (name: string, workload: Workload) => boolean

/** The same of a list that changes: it is looked through again only when it has. */
export const createExpectedHosts = (store: ExpectationStore, nowMs: () => number): IsExpectedHost => {
  const read = (): ExpectedHosts => expectedHosts(store.list(nowMs()).map(({ expectation }) => expectation))
  let { version } = store
  let hosts = read()
  return (name, workload) => {
    if (store.version !== version) {
      version = store.version
      hosts = read()
    }
    return hosts.get(name)?.some((scope) => concerns(scope, workload)) ?? false
  }
}
