/**
 * Which of several agents of a node is in charge: the youngest that lives. Each takes a number by locking a file of that
 * name; the kernel lets go of the lock with its process, whatever becomes of it, and an elder takes over again.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { UnderstudyError } from '../errors.ts'
import { errorName } from '../kernel/shim.ts'
import type { LockPorts } from '../workloads/run-state.ts'

export interface Ownership {
  readonly generation: number
  /** Whether no younger agent lives. Asked before anything shared is written. */
  isOwner(): boolean
  /** Another text whenever an agent has come or gone since, be it for a moment only. */
  turn(): string
  release(): void
}

const FILE = /^agent-(\d{1,12})\.turn$/
const ATTEMPTS = 100

const generations = (folder: string): number[] =>
  readdirSync(folder).flatMap((name) => {
    const [, number] = FILE.exec(name) ?? []
    return number === undefined ? [] : [Number(number)]
  })

const pathOf = (folder: string, generation: number): string => join(folder, `agent-${generation}.turn`)

/** Takes the next number; from then on every other agent of the folder is an elder. Throws FILE_UNWRITABLE. */
export const takeOver = (folder: string, { lock, unlock }: LockPorts): Ownership => {
  let generation = 0
  let fd = -1
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (let attempt = 0; fd < 0 && attempt < ATTEMPTS; attempt++) {
      generation = Math.max(0, ...generations(folder)) + 1
      fd = lock(pathOf(folder, generation))
      if (fd < 0 && errorName(fd) !== 'EAGAIN') throw new Error(errorName(fd))
    }
    if (fd < 0) throw new Error('another agent takes every number first')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UnderstudyError('FILE_UNWRITABLE', `the agent cannot take its turn in ${folder}: ${reason}`, {
      cause,
      remedy: 'Mount that folder of the node writable, or set stateFolder to one that is.',
    })
  }
  const lockAgain = (): void => {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
    } catch {
      return // not now
    }
    const held = lock(pathOf(folder, generation))
    if (held < 0) return
    unlock(fd)
    fd = held
  }
  /** Somebody may have removed the folder; without our file in it a younger agent would take a smaller number than ours. */
  const present = (): number[] => {
    try {
      const all = generations(folder)
      if (!all.includes(generation)) lockAgain()
      return all
    } catch {
      // What cannot be read says nothing about others: the work for the pods goes on.
      lockAgain()
      return []
    }
  }
  return {
    generation,
    isOwner: () => {
      for (const other of present()) {
        if (other <= generation) continue
        const held = lock(pathOf(folder, other))
        if (held < 0) return false
        // Its process is dead.
        rmSync(pathOf(folder, other), { force: true })
        unlock(held)
      }
      return true
    },
    turn: () => {
      try {
        return String(statSync(folder, { bigint: true }).mtimeNs)
      } catch {
        return '' // removed; isOwner makes it again
      }
    },
    release: () => {
      rmSync(pathOf(folder, generation), { force: true })
      unlock(fd)
    },
  }
}

/** Whether an agent lives that shares this folder. */
export const agentLives = (folder: string, { lock, unlock }: LockPorts): boolean => {
  let all: number[]
  try {
    all = generations(folder)
  } catch {
    return false
  }
  return all.some((generation) => {
    const held = lock(pathOf(folder, generation))
    if (held < 0) return true
    rmSync(pathOf(folder, generation), { force: true })
    unlock(held)
    return false
  })
}
