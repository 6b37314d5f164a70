/** Clocks for parts that wait: one that a test turns by hand, and one that waits no longer than it must. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../../src/workloads/kubernetes/clock.ts'

interface Timer {
  readonly atMs: number
  readonly callback: () => void
}

export interface HandClock extends Clock {
  /** Lets time pass; timers that are due run in their order, each followed by what it set going. */
  advance(ms: number): Promise<void>
  /** How long from now the timers that are set have to run, shortest first. */
  timers(): number[]
}

/** Lets promises that can go on do so. */
export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}

/** Time stands still until it is told to go on. Chance is 0 unless told. */
export const createHandClock = (random: () => number = () => 0): HandClock => {
  let now = 1_700_000_000_000
  const timers = new Set<Timer>()
  const next = (untilMs: number): Timer | undefined =>
    [...timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
  return {
    now: () => now,
    random,
    setTimer: (callback, ms) => {
      const timer = { atMs: now + ms, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance: async (ms) => {
      await settle()
      const untilMs = now + ms
      for (let timer = next(untilMs); timer; timer = next(untilMs)) {
        timers.delete(timer)
        now = Math.max(now, timer.atMs)
        timer.callback()
        await settle()
      }
      now = untilMs
    },
    timers: () => [...timers].map(({ atMs }) => atMs - now).sort((a, b) => a - b),
  }
}

const LONG_MS = 20_000
const SHORT_MS = 5

export interface QuickClock extends Clock {
  /** Time goes forward by this at once, and every limit that is longer than a wait is looked at. */
  jump(ms: number): void
}

/** Waits are cut short; the limits of calls, which are longer, are kept, so that a slow machine breaks none. */
export const createQuickClock = (): QuickClock => {
  let aheadMs = 0
  const limits = new Map<NodeJS.Timeout, () => void>()
  return {
    now: () => Date.now() + aheadMs,
    random: () => 0,
    setTimer: (callback, ms) => {
      const timer = setTimeout(
        () => {
          limits.delete(timer)
          callback()
        },
        ms > LONG_MS ? ms : Math.min(ms, SHORT_MS),
      )
      if (ms > LONG_MS) limits.set(timer, callback)
      return () => {
        limits.delete(timer)
        clearTimeout(timer)
      }
    },
    jump: (ms) => {
      aheadMs += ms
      for (const [timer, callback] of [...limits]) {
        if (!limits.delete(timer)) continue
        clearTimeout(timer)
        callback()
      }
    },
  }
}

/** Comes back once it holds; the limit of the test is the limit of this. */
export const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await pause(2)
}
