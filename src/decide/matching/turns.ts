/** `httpResponses`: several actions of one expectation, of which each request gets the one that is due. */
import type { MockAction } from '../../action.ts'

/**
 * In order and then from the start again; the first for `after` requests, then the next, and the last for ever; or any, by
 * chance, as often as it weighs.
 */
export type TurnMode =
  | { readonly kind: 'sequential' }
  | { readonly kind: 'switch'; readonly after: number }
  | { readonly kind: 'weighted'; readonly weights: readonly number[] }

export interface Turns {
  /** At least one. */
  readonly actions: readonly MockAction[]
  readonly mode: TurnMode
}

/** The action for the request number `turn`, counted from 0. `random` gives numbers from 0 up to, not including, 1. */
export function actionAt({ actions, mode }: Turns, turn: number, random: () => number): MockAction | undefined {
  switch (mode.kind) {
    case 'sequential':
      return actions[turn % actions.length]
    case 'switch':
      return actions[Math.min(Math.floor(turn / mode.after), actions.length - 1)]
    case 'weighted':
      return actions[drawn(mode.weights, random())]
  }
}

/** The place in `weights` that a number from 0 to 1 falls on. */
function drawn(weights: readonly number[], share: number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let left = share * total
  const found = weights.findIndex((weight) => {
    left -= weight
    return left < 0
  })
  return found === -1 ? weights.length - 1 : found
}
