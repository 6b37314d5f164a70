/** A shared amount that is taken and given back; refusals are counted by whoever asked. */
export interface Budget {
  take(amount?: number): boolean
  give(amount?: number): void
  readonly taken: number
}

/** `onRefused` is called each time the limit is hit. */
export const createBudget = (limit: number, onRefused: () => void): Budget => {
  let taken = 0
  return {
    take: (amount = 1) => {
      if (taken + amount > limit) {
        onRefused()
        return false
      }
      taken += amount
      return true
    },
    give: (amount = 1) => {
      taken -= amount
    },
    get taken() {
      return taken
    },
  }
}
