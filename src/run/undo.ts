/** Clearing up in the reverse order of making, and the crash that may call for it. */
import type { Logger } from 'pino'

/** What was made, to be undone in reverse; each step is added before the next is tried. */
export interface Undo {
  add(step: () => void | Promise<void>): void
  all(): Promise<void>
}

export const createUndo = (log: () => Logger | undefined): Undo => {
  const steps: (() => void | Promise<void>)[] = []
  return {
    add: (step) => void steps.push(step),
    all: async () => {
      for (let step = steps.pop(); step; step = steps.pop()) {
        try {
          await step()
        } catch (error) {
          log()?.error({ err: error }, 'clearing up failed in part')
        }
      }
    },
  }
}

/** Turns an uncaught exception into a rejection, so that a bug of ours ends the interception and not the command. */
export const watchForCrash = (): { readonly crashed: Promise<never>; stop(): void } => {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => {}) // it may come while nobody waits yet
  process.on('uncaughtException', reject)
  return { crashed: promise, stop: () => void process.off('uncaughtException', reject) }
}
