/**
 * Every error Understudy can raise, in one closed table. A code's class fixes what happens:
 *   operator  the user's input or set-up is wrong: printed with its remedy, exit 2
 *   node      this machine lacks a feature or a right: printed with its remedy, exit 3
 *   bug       an assertion of ours failed: printed with its stack, exit 70
 *   flow      one flow ends; the process goes on
 * `docs/errors.md` lists the same codes; a contract test compares both.
 */
export const ERRORS = {
  BAD_USAGE: 'operator',
  BAD_CONFIG: 'operator',
  BAD_EXPECTATIONS: 'operator',
  BAD_WORKLOADS: 'operator',
  FILE_UNREADABLE: 'operator',
  FILE_UNWRITABLE: 'operator',
  PORT_IN_USE: 'operator',
  ADDRESS_UNAVAILABLE: 'operator',
  NETNS_UNREADABLE: 'operator',
  MAP_FULL: 'operator',
  PODS_CGROUP_UNCLEAR: 'operator',
  NOT_LINUX: 'node',
  NOT_ROOT: 'node',
  NO_CGROUP2: 'node',
  KERNEL_FEATURE_MISSING: 'node',
  NOT_BUILT: 'node',
  LAYOUT_MISMATCH: 'node',
  ATTACH_REFUSED: 'node',
  PIN_MISMATCH: 'node',
  CAPTURE_REFUSED: 'node',
  SHIM_MISMATCH: 'node',
  KERNEL_CALL_FAILED: 'node',
  ASSERTION: 'bug',
} as const

export type ErrorCode = keyof typeof ERRORS
export type ErrorClass = (typeof ERRORS)[ErrorCode]

export interface ErrorDetails {
  readonly cause?: unknown
  /** What the user can do about it; one or two sentences. */
  readonly remedy?: string
  readonly facts?: Readonly<Record<string, unknown>>
}

/** The only error class that crosses a module's edge on purpose. */
export class UnderstudyError extends Error {
  readonly code: ErrorCode
  readonly remedy: string | undefined
  readonly facts: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'UnderstudyError'
    this.code = code
    this.remedy = details.remedy
    this.facts = details.facts ?? {}
  }

  get class(): ErrorClass {
    return ERRORS[this.code]
  }
}

/** The process exit code for each class (docs/errors.md). */
export const EXIT_CODES: Readonly<Record<ErrorClass, number>> = { operator: 2, node: 3, bug: 70 }
