/**
 * The API as one namespace sees it, under `/scope/NAMESPACE`: a context whose expectations, log, counters and scenarios are
 * those of the namespace, so that no call has to know of scopes.
 */
import type { Conditions, Expectation, ExpectationSpec } from '../decide/matching/expectation.ts'
import type { Scenarios } from '../decide/matching/scenarios.ts'
import { namespaceOf, type Origin, type Scope } from '../decide/matching/scope.ts'
import { createCallTally } from './call-tally.ts'
import type { Context, Registry } from './ports.ts'

const ANYBODY: Scope = {
  namespaces: undefined,
  labels: undefined,
  direction: undefined,
  destination: undefined,
  process: undefined,
}
const UNCONDITIONAL: Conditions = { scope: undefined, scenario: undefined, percentage: 100, rateLimit: undefined }
const NOWHERE = { address: '0.0.0.0', port: 0 }

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const sourceIn = (source: unknown, namespace: string): unknown => {
  if (!isRecord(source)) return source
  const scope = isRecord(source['scope']) ? source['scope'] : {}
  return { ...source, scope: { ...scope, namespace } }
}

/** Without the namespace, which the path says: clients of MockServer refuse keys that they do not know. */
const shownIn: Context['shown'] = ({ expectation, remainingTimes }) => {
  const { source } = expectation
  if (!isRecord(source) || !isRecord(source['scope'])) return { expectation, remainingTimes }
  const { scope, ...others } = source
  const { namespace: _, ...rest } = isRecord(scope) ? scope : {}
  const shown = Object.keys(rest).length === 0 ? others : { ...others, scope: rest }
  return { expectation: { ...expectation, source: shown }, remainingTimes }
}

/** The expectation with the namespace as its scope; undefined where it is for somebody else too. */
const specIn = (spec: ExpectationSpec, namespace: string): ExpectationSpec | undefined => {
  const { scope = ANYBODY, ...conditions } = spec.conditions ?? UNCONDITIONAL
  if (scope.namespaces !== undefined && namespaceOf(scope) !== namespace) return undefined
  return {
    ...spec,
    conditions: { ...conditions, scope: { ...scope, namespaces: [namespace] } },
    source: sourceIn(spec.source, namespace),
  }
}

const scenariosOf = (all: Scenarios, namespace: string): Scenarios => ({
  stateOf: (name, nowMs) => all.stateOf(name, nowMs, namespace),
  set: (name, scenario) => all.set(name, scenario, namespace),
  list: (nowMs) => all.list(nowMs, namespace),
  clear: () => all.clear(namespace),
})

const isOf =
  (namespace: string) =>
  ({ conditions }: Expectation): boolean =>
    namespaceOf(conditions?.scope) === namespace

/** The expectations of a namespace, with those registries that are told which of them have gone. */
const ownStore = ({ store: all, registries, nowMs }: Context, namespace: string) => {
  const isOwn = isOf(namespace)
  const listOwn = (atMs: number) => all.list(atMs).filter(({ expectation }) => isOwn(expectation))
  const scenarios = scenariosOf(all.scenarios, namespace)
  let cleared: ReadonlySet<string> = new Set()
  const clear = (): void => {
    cleared = new Set(listOwn(nowMs()).map(({ expectation }) => expectation.id))
    all.remove(cleared)
  }
  const get: Context['store']['get'] = (id, atMs) => {
    const live = all.get(id, atMs)
    return live && isOwn(live.expectation) ? live : undefined
  }
  const store: Context['store'] = {
    scenarios,
    // Of all: there is one limit.
    get size() {
      return all.size
    },
    *explain(asked) {
      for (const one of all.explain(asked)) if (isOwn(one.expectation)) yield one
    },
    upsert: all.upsert,
    remove: (ids) => all.remove(new Set([...ids].filter((id) => get(id, nowMs())))),
    clear,
    forget: () => all.forget(namespace),
    reset: () => {
      clear()
      all.forget(namespace)
    },
    get,
    list: listOwn,
  }
  const told = registries.map(
    (registry): Registry => ({
      reset: () => registry.cleared(cleared),
      cleared: (ids) => registry.cleared(ids === 'all' ? cleared : ids),
    }),
  )
  return { store, registries: told }
}

const ownLog = ({ log: all }: Context, namespace: string): Context['log'] => {
  type Entry = (typeof all.exchanges)[number]
  const isOwn = ({ flow }: Entry): boolean => flow?.workload.namespace === namespace
  return {
    get exchanges() {
      return all.exchanges.filter(isOwn)
    },
    // They share one room, in which one namespace would drive out those of another.
    notes: [],
    // Whose they were is forgotten with them.
    get evicted() {
      return all.evicted
    },
    note: (...said) => all.note(...said),
    clear: () => all.remove(isOwn),
    remove: (isMeant) => all.remove((entry) => isOwn(entry) && isMeant(entry)),
  }
}

/** Counts of what the log still has. */
const ownTally = (log: Context['log']): Context['tally'] => ({
  count: () => undefined,
  reset: () => undefined,
  counts: () => {
    const tally = createCallTally()
    for (const { decision, expectationId } of log.exchanges) tally.count({ kind: decision, expectationId })
    return tally.counts()
  },
})

const senderOf = (namespace: string, { namesOf }: Context): Origin => {
  const workload = { id: 0, name: namespace, namespace }
  const flow = { cookie: 0n, workload, direction: 'outbound', client: NOWHERE, local: NOWHERE, fd: -1 } as const
  return { flow, resolution: { trail: [] }, namesOf }
}

export const scopedContext = (whole: Context, namespace: string): Context => {
  const log = ownLog(whole, namespace)
  const { store, registries } = ownStore(whole, namespace)
  const isOwn = isOf(namespace)
  return {
    ...whole,
    store,
    registries,
    log,
    tally: ownTally(log),
    sender: senderOf(namespace, whole),
    shown: shownIn,
    admit: (specs, nowMs) => {
      const problems: string[] = []
      const own = specs.flatMap((spec) => {
        const live = spec.id === undefined ? undefined : whole.store.get(spec.id, nowMs)
        if (live && !isOwn(live.expectation)) problems.push('$.id: cannot be used in this scope')
        const put = specIn(spec, namespace)
        if (!put) problems.push(`$.scope.namespace: is "${namespace}" under this path`)
        return put ?? []
      })
      return problems.length > 0 ? { problems: [...new Set(problems)] } : { value: own }
    },
  }
}
