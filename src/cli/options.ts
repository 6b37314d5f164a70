/** Command lines: flags to values, and every mistake to one clear error. */
import { parseArgs } from 'node:util'
import { loadConfig } from '../config/load.ts'
import { loadExpectations } from '../config/load-expectations.ts'
import type { Config } from '../config/schema.ts'
import type { Expectation } from '../decide/matching/expectation.ts'
import { UnderstudyError } from '../errors.ts'

export type Flags = NonNullable<Parameters<typeof parseArgs>[0]>['options']

const badUsage = (message: string, command: string): UnderstudyError =>
  new UnderstudyError('BAD_USAGE', message, { remedy: `\`understudy ${command} --help\` lists the options.` })

/** Parses flags strictly. Throws BAD_USAGE. */
export const parseFlags = (command: string, args: readonly string[], options: NonNullable<Flags>) => {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false, allowNegative: true }).values
  } catch (cause) {
    const message = cause instanceof Error ? (cause.message.split('. ')[0] ?? cause.message) : String(cause)
    throw badUsage(message, command)
  }
}

/** The value of a flag that must be one of a few words. Throws BAD_USAGE. */
export const oneOf = <T extends string>(
  command: string,
  flag: string,
  value: unknown,
  allowed: readonly T[],
): T | undefined => {
  if (value === undefined) return undefined
  const found = allowed.find((one) => one === value)
  if (found === undefined) throw badUsage(`--${flag} is one of ${allowed.join(', ')}, not "${String(value)}"`, command)
  return found
}

/** A port number from a flag. Throws BAD_USAGE. */
export const portFlag = (command: string, value: unknown, fallback: number, flag = 'port'): number => {
  if (value === undefined) return fallback
  const port = /^\d{1,5}$/.test(String(value)) ? Number(value) : -1
  if (port < 0 || port > 65535) throw badUsage(`--${flag} is a number from 0 to 65535, not "${String(value)}"`, command)
  return port
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** Flags that `run` and `serve` share. */
export const COMMON_FLAGS = {
  expectations: { type: 'string', short: 'e', multiple: true },
  config: { type: 'string', short: 'c' },
  record: { type: 'string', short: 'r' },
  'record-expectations': { type: 'string' },
  replay: { type: 'string', multiple: true },
  unmatched: { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

/** What a replay had no answer for, as it is printed at the end. */
export const missesText = (lines: readonly string[]): string =>
  lines.length === 0 ? '' : `\nnot in the recording:\n${lines.map((line) => `  ${line}\n`).join('')}`

export interface CommonValues {
  readonly expectations?: string[] | undefined
  readonly config?: string | undefined
  readonly replay?: string[] | undefined
  readonly unmatched?: string | undefined
  readonly 'log-level'?: string | undefined
}

export interface Inputs {
  /** Requests that no expectation matches are told at the end. */
  readonly withMisses: boolean
  readonly config: Config
  readonly warnings: readonly string[]
  readonly expectations: readonly Expectation[]
}

/** The error of a step instead of throwing it, so that the next step's problems are told as well. */
const attempt = <T>(step: () => T): { value: T } | { error: unknown } => {
  try {
    return { value: step() }
  } catch (error) {
    return { error }
  }
}

const together = (errors: readonly unknown[]): unknown => {
  const known = errors.filter((error) => error instanceof UnderstudyError)
  if (known.length < errors.length) return errors.find((error) => !(error instanceof UnderstudyError))
  const [first] = known
  if (!first || known.length === 1) return first
  return new UnderstudyError(first.code, known.map((error) => error.message).join('\n'), {
    cause: first,
    ...(first.remedy === undefined ? {} : { remedy: first.remedy }),
  })
}

/** Settings and expectations of all the files and flags; throws with every problem of every file at once. */
export const loadInputs = (command: string, values: CommonValues, base: Partial<Config>): Inputs => {
  const isReplay = values.replay !== undefined
  // What is not in a recording is not meant to leave, unless somebody says so.
  const onUnmatched =
    oneOf(command, 'unmatched', values.unmatched, ['forward', 'refuse']) ?? (isReplay ? 'refuse' : undefined)
  const logLevel = oneOf(command, 'log-level', values['log-level'], LOG_LEVELS)
  const settings = attempt(() => loadConfig({ base, ...(values.config === undefined ? {} : { path: values.config }) }))
  const { expectations = [], replay = [] } = values
  const files = [...expectations, ...replay].map((path) => attempt(() => loadExpectations(path)))
  const errors = [settings, ...files].flatMap((result) => ('error' in result ? [result.error] : []))
  if (errors.length > 0 || 'error' in settings) throw together(errors)
  return {
    config: { ...settings.value.config, ...(onUnmatched ? { onUnmatched } : {}), ...(logLevel ? { logLevel } : {}) },
    withMisses: isReplay,
    warnings: settings.value.warnings,
    expectations: files.flatMap((result) => ('value' in result ? result.value : [])),
  }
}
