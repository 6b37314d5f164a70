/** Answers that are one buffer for many requests, as those of expectations are: charged once, as long as anybody has it. */
import type { LoggedResponse } from './logged-exchange.ts'

export type Whole = LoggedResponse & { kind: 'whole' }

interface Shared {
  readonly response: Whole
  readonly given: Buffer
  users: number
}

export interface SharedAnswers {
  /** The number under which an answer is found; `charge` is told its bytes when nobody had it before. */
  take(given: Buffer, keep: () => Whole): number
  find(handle: number): Whole | undefined
  giveBack(handle: number): void
  clear(): void
}

/** `charge` is told the bytes of an answer when it is first kept, and their negative when nobody has it any more. */
export const createSharedAnswers = (charge: (bytes: number) => void): SharedAnswers => {
  const handles = new Map<Buffer, number>()
  const known = new Map<number, Shared>()
  let next = 0
  return {
    take: (given, keep) => {
      const found = handles.get(given)
      const shared = found === undefined ? undefined : known.get(found)
      if (found !== undefined && shared) {
        shared.users++
        return found
      }
      const handle = next++
      const response = keep()
      handles.set(given, handle)
      known.set(handle, { response, given, users: 1 })
      charge(response.bytes.length)
      return handle
    },
    find: (handle) => known.get(handle)?.response,
    giveBack: (handle) => {
      const shared = known.get(handle)
      if (!shared || --shared.users > 0) return
      known.delete(handle)
      handles.delete(shared.given)
      charge(-shared.response.bytes.length)
    },
    clear: () => {
      handles.clear()
      known.clear()
    },
  }
}
