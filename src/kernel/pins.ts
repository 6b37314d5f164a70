/**
 * What outlives an agent on the BPF file system: a folder with the maps that hold the state of connections and pods, which
 * the next agent takes as its own, and the links (node-hooks.ts). See docs/decisions/0016.
 */
import { existsSync, mkdirSync, readdirSync, rmdirSync, statfsSync, unlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UnderstudyError } from '../errors.ts'
import { errorName, type Shim } from './shim.ts'

/** Changes with every struct of contract.h that a pinned map holds, and with what the programs understand by one. */
const CONTRACT_VERSION = 1
const BPF_FS_MAGIC = 0xcafe4a11
const BPFFS = '/sys/fs/bpf'
const LOCK_TRIES = 100
const LOCK_PAUSE_MS = 50

/**
 * Every map in which something must outlast the agent: the policies and what belongs to them, which go on to hold while none
 * is there, and the connections under way. The ring holds what was not yet read. The counters are each agent's own: they
 * count its programs' work, and their number grows with the version.
 */
export const PINNED_MAPS = [
  'policies',
  'excluded_cidrs',
  'listeners',
  'client_slots',
  'client_states',
  'in_flight',
  'orig_dst',
  'accepted',
  'dns_clients',
  'dns_asked',
  'events',
] as const

/** Within the folder: its lock is held while the ring is drained. */
const TURNS = 'turns'

/** The folder of this version's pins, below the one that the settings name. */
export const pinFolder = (base: string): string => join(base, `agent-v${CONTRACT_VERSION}`)

/** The pins of other versions, which nobody needs once all hooks are ours. */
export const outdatedPinFolders = (base: string): string[] => {
  try {
    const names = readdirSync(base).filter((name) => /^agent-v\d+$/.test(name))
    return names.map((name) => join(base, name)).filter((folder) => folder !== pinFolder(base))
  } catch {
    return []
  }
}

/** What became of the wish to pin. */
export interface PinState {
  readonly pinned: boolean
  /** Where it is not: why, in words for an operator. Interception works all the same, but ends with the agent. */
  readonly why?: string
  /** The maps that were there already, of an agent before this one. */
  readonly adopted: readonly string[]
  /** Of those: how many entries they hold where the settings asked for another number. */
  readonly keptCapacities: Readonly<Record<string, number>>
}

const NOT_ASKED: PinState = { pinned: false, adopted: [], keptCapacities: {} }

const isOnBpffs = (path: string): boolean => {
  for (let at = path; ; at = dirname(at)) {
    try {
      return statfsSync(at).type === BPF_FS_MAGIC
    } catch (error) {
      if (at === dirname(at) || (error as NodeJS.ErrnoException).code !== 'ENOENT') return false
    }
  }
}

/** One by one: of a read-only file system `recursive` says only that a folder is not there. */
const makeFolder = (path: string): void => {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Makes the folder, mounting the file system where there is none. Says why not. */
const prepare = (shim: Shim, folder: string): string | undefined => {
  const mountPoint = folder.startsWith(`${BPFFS}/`) ? BPFFS : dirname(folder)
  try {
    if (!isOnBpffs(folder)) {
      makeFolder(mountPoint)
      const mounted = shim.raw('understudy_mount_bpffs', mountPoint)
      if (mounted < 0)
        return `there is no BPF file system at ${mountPoint}, and mounting one fails: ${errorName(mounted)}`
    }
    makeFolder(join(folder, TURNS))
    // That it is there does not say that anything can be pinned in it.
    const probe = join(folder, `probe-${process.pid}`)
    mkdirSync(probe)
    rmdirSync(probe)
    return undefined
  } catch (error) {
    return `nothing can be pinned in ${folder}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`
  }
}

/** Two agents that start at once would each pin half of the maps. */
const lock = (shim: Shim, folder: string): number => {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let i = 0; i < LOCK_TRIES; i++) {
    const fd = shim.raw('understudy_lock_folder', folder)
    if (fd >= 0) return fd
    if (errorName(fd) !== 'EAGAIN') break
    Atomics.wait(pause, 0, 0, LOCK_PAUSE_MS)
  }
  return shim.call('understudy_lock_folder', folder)
}

const misfit = (folder: string, map: string): UnderstudyError =>
  new UnderstudyError('PIN_MISMATCH', `what is pinned at ${join(folder, map)} is not the map that this version has`, {
    remedy: `End whatever other agent there is, and run \`understudy cleanup\`, which removes ${folder}.`,
    facts: { folder, map },
  })

export interface Pins {
  state(): PinState
  /** The folder of links, or '' where they are not pinned. */
  folder(): string
  /** After loading: pins the maps that were not there. */
  pin(): void
  /** Ends what no other process may do meanwhile; call in any case. */
  done(): void
  /** Pins again what somebody has unpinned; names it. Where that cannot be, nothing counts as pinned from then on. */
  restore(): string[]
}

/** Nothing is pinned. */
const unpinned = (state: PinState): Pins => ({
  state: () => state,
  folder: () => '',
  pin: () => {},
  done: () => {},
  restore: () => [],
})

/** Before loading: takes the maps that are pinned in the folder. Throws PIN_MISMATCH. */
const adopt = (shim: Shim, handle: number, folder: string, capacities: Readonly<Record<string, number>>) => {
  const adopted: string[] = []
  const keptCapacities: Record<string, number> = {}
  for (const map of PINNED_MAPS) {
    const result = shim.raw('understudy_share_pin', handle, map, join(folder, map))
    if (result >= 0) {
      adopted.push(map)
      const bound = shim.call('understudy_map_capacity', handle, map)
      if (capacities[map] !== undefined && capacities[map] !== bound) keptCapacities[map] = bound
      continue
    }
    const errno = errorName(result)
    if (errno === 'EEXIST' || errno === 'EINVAL') throw misfit(folder, map)
    if (errno !== 'ENOENT') shim.call('understudy_share_pin', handle, map, join(folder, map))
  }
  return { adopted, keptCapacities }
}

/**
 * Before loading: has the object use what an agent before this one has pinned in `pinFolder(base)`, of whatever capacity.
 * Where the file system is missing or read-only nothing is pinned, and `state` says why. Throws PIN_MISMATCH, or
 * KERNEL_CALL_FAILED when another agent is starting there for longer than five seconds.
 */
export const usePins = (
  shim: Shim,
  handle: number,
  base: string | undefined,
  capacities: Readonly<Record<string, number>>,
): Pins => {
  if (base === undefined) return unpinned(NOT_ASKED)
  const folder = pinFolder(base)
  const why = prepare(shim, folder)
  if (why !== undefined) return unpinned({ ...NOT_ASKED, why })
  let held = lock(shim, folder)
  const done = (): void => {
    if (held >= 0) shim.raw('understudy_close_fd', held)
    held = -1
  }
  try {
    const found = adopt(shim, handle, folder, capacities)
    return { done, ...keptPins(shim, handle, folder, { pinned: true, ...found }) }
  } catch (error) {
    done()
    throw error
  }
}

const keptPins = (shim: Shim, handle: number, folder: string, atStart: PinState): Omit<Pins, 'done'> => {
  let state = atStart
  const pinMaps = (maps: readonly string[]): void => {
    for (const map of maps) shim.call('understudy_pin_map', handle, map, join(folder, map))
    shim.call('understudy_drain_in_turn', handle, join(folder, TURNS))
  }
  const restore = (): string[] => {
    if (!state.pinned) return []
    const missing = PINNED_MAPS.filter((map) => !existsSync(join(folder, map)))
    if (missing.length === 0) return []
    const why = prepare(shim, folder)
    if (why === undefined) pinMaps(missing)
    else state = { ...NOT_ASKED, why }
    return missing.map((map) => `${map}: missing`)
  }
  return {
    state: () => state,
    folder: () => (state.pinned ? folder : ''),
    pin: () => pinMaps(PINNED_MAPS.filter((map) => !atStart.adopted.includes(map))),
    restore,
  }
}

/**
 * Removes every pin of a folder, and the folder: what no living process holds detaches and is gone. Returns the names of
 * what was removed; none where there is no such folder. Throws BAD_CONFIG when it is on another file system.
 */
export const unpinAll = (folder: string): string[] => {
  let entries: { readonly name: string; isDirectory(): boolean }[]
  try {
    entries = readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
  if (!isOnBpffs(folder)) {
    throw new UnderstudyError('BAD_CONFIG', `${folder} is not on a BPF file system, so it has no pins to remove`, {
      remedy: 'Correct pinFolder.',
    })
  }
  // Links go before maps, so that no program runs without the maps of its successor.
  const isMap = (name: string): boolean => (PINNED_MAPS as readonly string[]).includes(name)
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name)
  for (const name of files.sort((a, b) => Number(isMap(a)) - Number(isMap(b)))) unlinkSync(join(folder, name))
  for (const entry of entries) if (entry.isDirectory()) rmdirSync(join(folder, entry.name))
  rmdirSync(folder)
  return files
}
