/** What an agent that is gone has left on the BPF file system and in its state folder. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/schema.ts'
import { outdatedPinFolders, pinFolder, unpinAll } from '../kernel/pins.ts'
import type { Shim } from '../kernel/shim.ts'
import { lockPorts } from '../run/rules-left.ts'
import { agentLives } from './ownership.ts'
import { UNTIL_FILE } from './until-clock.ts'

export interface CleanedUp {
  /** In words. */
  readonly removed: readonly string[]
  /** Why all of it had to stay. */
  readonly kept?: string
}

/** Removes links and maps of every version, unless an agent lives: pods that fail closed are open from then on. */
export const cleanUpAgents = (shim: Shim, config: Pick<Config, 'pinFolder' | 'stateFolder'>): CleanedUp => {
  const { stateFolder } = config
  const folders = [pinFolder(config.pinFolder), ...outdatedPinFolders(config.pinFolder)].filter(existsSync)
  if (agentLives(stateFolder, lockPorts(shim))) {
    return folders.length > 0 ? { removed: [], kept: 'an agent is alive' } : { removed: [] }
  }
  const removed = folders.flatMap((folder) => [...unpinAll(folder), `folder ${folder}`])
  const until = join(stateFolder, UNTIL_FILE)
  if (existsSync(until)) {
    rmSync(until)
    removed.push(until)
  }
  return { removed }
}
