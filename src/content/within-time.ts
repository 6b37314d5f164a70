/** An end to what a library does with a body, whatever the body and the library. */
import { type Context, createContext, Script } from 'node:vm'

const LIMIT_MS = 200
/** Below it there is not enough to spend so long on, and setting the limit up would cost the most. */
const FREE_BYTES = 2048

interface Room {
  readonly script: Script
  readonly globals: Context
}

/** A context of its own holds 256 KiB or more: it is made for the first body that needs it. */
let room: Room | undefined

/**
 * What `judge` answers; false when it throws, or has not answered after 200 ms, when the engine ends it. It must leave
 * nothing behind that half a run could spoil. `bytes` is the size of what it looks at.
 */
export function withinTime(bytes: number, judge: () => boolean): boolean {
  try {
    if (bytes <= FREE_BYTES) return judge()
    room ??= { script: new Script('judge()'), globals: createContext({}) }
    room.globals['judge'] = judge
    return room.script.runInContext(room.globals, { timeout: LIMIT_MS }) === true
  } catch {
    return false
  } finally {
    if (room) room.globals['judge'] = undefined
  }
}
