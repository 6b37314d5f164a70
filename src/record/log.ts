/** The log: JSON lines with constant messages, facts as fields. Components take a child: `{ component: 'record' }`. */
import { type Logger, pino } from 'pino'
import { createAppender } from './appender.ts'

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'

/** Where lines go; `flush` and `flushSync` are used where they exist. */
export interface LogDestination {
  write(line: string): void
  flush?(done: (error?: Error) => void): void
  flushSync?(): void
}

export interface LogOptions {
  readonly level: LogLevel
  /** A file descriptor (default 2, standard error) or anything that takes lines. */
  readonly destination?: number | LogDestination
  /** Lines lost because the descriptor took them too slowly. */
  readonly onDrop?: (lines: number) => void
}

/**
 * A logger whose lines leave in batches off the caller's path, and at the latest when the process exits normally. At
 * most 4 MiB wait; what comes on top is dropped and counted.
 */
export const createLog = ({ level, destination = 2, onDrop }: LogOptions): Logger => {
  const stream =
    typeof destination === 'number' ? createAppender({ fd: destination, ...(onDrop && { onDrop }) }) : destination
  const made: Logger[] = []
  const log = pino(
    {
      level,
      base: null,
      onChild: (child) => {
        made.push(child)
      },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  )
  children.set(log, made)
  return log
}

/** The children of each log, which have a level of their own; there are as many as components. */
const children = new WeakMap<Logger, Logger[]>()

/** Another level from now on, for the components' loggers too. */
export const setLogLevel = (log: Logger, level: LogLevel): void => {
  for (const each of [log, ...(children.get(log) ?? [])]) each.level = level
}

/** Resolves once every line logged so far is written, or cannot be. */
export const flushLog = (log: Logger): Promise<void> => new Promise((resolve) => log.flush(() => resolve()))
