/** The body of an answer, held in memory until all of it is there. */

/** Memory shared by all that is held. */
export interface HoldingBudget {
  take(bytes: number): boolean
  give(bytes: number): void
}

export interface HoldingLimits {
  /** Of one body, bytes. */
  readonly bodyBytes: number
  readonly budget: HoldingBudget
  /** Called for a body that is larger. */
  readonly onLimit: () => void
}

export interface HeldBody {
  readonly chunks: readonly Buffer[]
  /** False: it is over a limit. What was held before is still here. */
  hold(chunk: Buffer): boolean
  /** Gives the memory back to the others. */
  release(): void
}

export const createHeldBody = ({ bodyBytes, budget, onLimit }: HoldingLimits): HeldBody => {
  const chunks: Buffer[] = []
  let held = 0
  return {
    chunks,
    hold: (chunk) => {
      const fits = held + chunk.length <= bodyBytes
      if (!fits) onLimit()
      if (!fits || !budget.take(chunk.length)) return false
      held += chunk.length
      chunks.push(chunk)
      return true
    },
    release: () => {
      budget.give(held)
      held = 0
      chunks.length = 0
    },
  }
}
