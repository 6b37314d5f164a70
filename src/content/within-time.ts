/** An end to what a library does with a body, whatever the body and the library. */
import { createContext, Script } from 'node:vm'

const LIMIT_MS = 200
/** Below it there is not enough to spend so long on, and setting the limit up would cost the most. */
const FREE_BYTES = 2048

const script = new Script('judge()')
const room = createContext({})

/**
 * What `judge` answers; false when it throws, or has not answered after 200 ms, when the engine ends it. It must leave
 * nothing behind that half a run could spoil. `bytes` is the size of what it looks at.
 */
export function withinTime(bytes: number, judge: () => boolean): boolean {
  try {
    if (bytes <= FREE_BYTES) return judge()
    room['judge'] = judge
    return script.runInContext(room, { timeout: LIMIT_MS }) === true
  } catch {
    return false
  } finally {
    room['judge'] = undefined
  }
}
