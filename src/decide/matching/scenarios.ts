/**
 * Scenarios: named states that expectations wait for and move on. Time is given; a timed step is taken when next asked.
 * Those of expectations that are for one namespace are its own: another namespace may have one of the same name.
 */

/** What every scenario is in before anything has moved it. */
export const FIRST_STATE = 'Started'
/** Scenarios that were moved at once; one more is refused. */
export const MAX_SCENARIOS = 10_000

export interface Scenario {
  readonly state: string
  /** Where it moves by itself, and when, in milliseconds since the epoch. */
  readonly next?: { readonly state: string; readonly atMs: number } | undefined
}

/** Without a namespace, those are meant that belong to none. */
export interface Scenarios {
  stateOf(name: string, nowMs: number, namespace?: string): string
  /** False where there are too many already. */
  set(name: string, scenario: Scenario, namespace?: string): boolean
  /** Those that were ever moved. */
  list(nowMs: number, namespace?: string): readonly { readonly name: string; readonly state: string }[]
  /** Forgets those of a namespace, or all there are. */
  clear(namespace?: string): void
}

/** No namespace has a slash in it, so that what is before the first one is it. */
const keyOf = (name: string, namespace = ''): string => `${namespace}/${name}`

export function createScenarios(): Scenarios {
  const known = new Map<string, Scenario>()
  const stateAt = (key: string, nowMs: number): string => {
    const scenario = known.get(key)
    if (!scenario) return FIRST_STATE
    return scenario.next && nowMs >= scenario.next.atMs ? scenario.next.state : scenario.state
  }
  const keysOf = (namespace?: string): string[] => {
    const start = keyOf('', namespace)
    return [...known.keys()].filter((key) => key.startsWith(start))
  }
  return {
    stateOf: (name, nowMs, namespace) => stateAt(keyOf(name, namespace), nowMs),
    set(name, scenario, namespace) {
      const key = keyOf(name, namespace)
      if (!known.has(key) && known.size >= MAX_SCENARIOS) return false
      known.set(key, scenario)
      return true
    },
    list: (nowMs, namespace) =>
      keysOf(namespace).map((key) => ({ name: key.slice(key.indexOf('/') + 1), state: stateAt(key, nowMs) })),
    clear(namespace) {
      if (namespace === undefined) known.clear()
      else for (const key of keysOf(namespace)) known.delete(key)
    },
  }
}
