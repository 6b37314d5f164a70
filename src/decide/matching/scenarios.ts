/** Scenarios: named states that expectations wait for and move on. Time is given; a timed step is taken when next asked. */

/** What every scenario is in before anything has moved it. */
export const FIRST_STATE = 'Started'
/** Scenarios that were moved at once; one more is refused. */
export const MAX_SCENARIOS = 10_000

export interface Scenario {
  readonly state: string
  /** Where it moves by itself, and when, in milliseconds since the epoch. */
  readonly next?: { readonly state: string; readonly atMs: number } | undefined
}

export interface Scenarios {
  stateOf(name: string, nowMs: number): string
  /** False where there are too many already. */
  set(name: string, scenario: Scenario): boolean
  /** Those that were ever moved. */
  list(nowMs: number): readonly { readonly name: string; readonly state: string }[]
  clear(): void
}

export function createScenarios(): Scenarios {
  const known = new Map<string, Scenario>()
  const stateOf = (name: string, nowMs: number): string => {
    const scenario = known.get(name)
    if (!scenario) return FIRST_STATE
    return scenario.next && nowMs >= scenario.next.atMs ? scenario.next.state : scenario.state
  }
  return {
    stateOf,
    set(name, scenario) {
      if (!known.has(name) && known.size >= MAX_SCENARIOS) return false
      known.set(name, scenario)
      return true
    },
    list: (nowMs) => [...known.keys()].map((name) => ({ name, state: stateOf(name, nowMs) })),
    clear: () => known.clear(),
  }
}
