/** What both loaded objects have: an answer for accepted sockets, counters, a heartbeat, perhaps MockServer's map. */
import { unlinkSync } from 'node:fs'
import type { SavedDestination } from '../flow.ts'
import { decodeOriginalDst, ORIGINAL_DST } from './layout.ts'
import { errorName, type Shim } from './shim.ts'

/** The event loop may be busy this many stale-times before it counts as dead. */
const STALL_FACTOR = 3

export interface Identity {
  readonly cookie: bigint
  readonly saved?: SavedDestination
}

/** One native call each: cookie and saved destination of an accepted socket, from this object's maps. */
export const identifier = (shim: Shim): ((handle: number, fd: number) => Identity) => {
  const found = Buffer.alloc(8 + ORIGINAL_DST.size)
  return (handle, fd) => {
    const source = shim.raw('understudy_lookup', handle, fd, found)
    if (source < 0) return { cookie: 0n }
    const cookie = found.readBigUInt64LE(0)
    if (source === 0) return { cookie }
    return { cookie, saved: decodeOriginalDst(found, 8, source === 1 ? 'map' : 'storage') }
  }
}

/** The counters by name; the object may be older and have fewer. */
export const countersOf = (shim: Shim, handle: number, names: readonly string[]): Record<string, number> => {
  const bytes = Buffer.alloc(names.length * 8)
  const count = shim.call('understudy_counters', handle, bytes, bytes.length)
  return Object.fromEntries(names.slice(0, count).map((name, i) => [name, Number(bytes.readBigUInt64LE(i * 8))]))
}

/** Starts the native thread that beats, and the timer that proves to it that the event loop turns. */
export const startBeating = (
  shim: Shim,
  handle: number,
  {
    heartbeatIntervalMs,
    heartbeatStaleMs,
  }: { readonly heartbeatIntervalMs: number; readonly heartbeatStaleMs: number },
): NodeJS.Timeout => {
  shim.call('understudy_start_heartbeat', handle, heartbeatIntervalMs, heartbeatStaleMs * STALL_FACTOR)
  return setInterval(() => shim.raw('understudy_tick', handle), heartbeatIntervalMs).unref()
}

const MOCKSERVER_MAP = 'mockserver_orig_dst'

export interface MockServerMap {
  /** After loading: pins the map, unless one was there. */
  pin(): void
  /** Takes the pin away if it is ours. */
  unpin(): void
}

/**
 * Before loading: has the object keep MockServer's map at `path`, in the map that is pinned there if there is one, for
 * MockServer opens it once in its life. Throws KERNEL_CALL_FAILED when something else is pinned there.
 */
export const useMockServerMap = (
  shim: Shim,
  handle: number,
  path: string | undefined,
  capacity: number,
): MockServerMap => {
  if (path === undefined) return { pin: () => {}, unpin: () => {} }
  const shared = shim.raw('understudy_share_pin', handle, MOCKSERVER_MAP, path)
  const isNew = shared < 0 && errorName(shared) === 'ENOENT'
  if (shared < 0 && !isNew) shim.call('understudy_share_pin', handle, MOCKSERVER_MAP, path)
  if (isNew) shim.call('understudy_set_capacity', handle, MOCKSERVER_MAP, capacity)
  shim.call('understudy_set_tunable', handle, 'fills_mockserver', Buffer.from([1]), 1)
  let isPinned = false
  return {
    pin: () => {
      if (!isNew) return
      shim.call('understudy_pin_map', handle, MOCKSERVER_MAP, path)
      isPinned = true
    },
    unpin: () => {
      if (!isPinned) return
      isPinned = false
      try {
        unlinkSync(path)
      } catch {
        // somebody has removed it already
      }
    },
  }
}
