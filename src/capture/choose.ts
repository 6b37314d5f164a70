/** Which way of capturing is taken, and why: the reason goes where a person looks. */
import { UnderstudyError } from '../errors.ts'
import type { CaptureMode } from './capture.ts'

export interface Choice<T> {
  readonly mode: CaptureMode
  /** For people. */
  readonly why: string
  readonly made: T
}

/** From what changes least for the program to what is there most often; tproxy claims marks and tables, so it is asked for. */
export const PREFERENCE = ['ebpf', 'nft', 'iptables'] as const

const passed = (refusals: readonly string[]): string =>
  refusals.length === 0 ? 'it works here and changes least' : `it works here; ${refusals.join('; ')}`

/**
 * Makes the way that was asked for, or with `auto` the first that can be made. Throws what making throws; with `auto` that
 * a way does not work on this machine (class `node`) leads to the next, and after the last to CAPTURE_REFUSED.
 */
export const choose = async <T>(
  asked: CaptureMode | 'auto',
  make: (mode: CaptureMode) => Promise<T>,
): Promise<Choice<T>> => {
  if (asked !== 'auto') return { mode: asked, why: 'it was asked for', made: await make(asked) }
  const refusals: string[] = []
  for (const mode of PREFERENCE) {
    try {
      return { mode, made: await make(mode), why: passed(refusals) }
    } catch (error) {
      if (!(error instanceof UnderstudyError) || error.class !== 'node') throw error
      refusals.push(`${mode} does not: ${error.message}`)
    }
  }
  throw new UnderstudyError('CAPTURE_REFUSED', `no way of capturing works here: ${refusals.join('; ')}`, {
    remedy: '`understudy doctor` tells what each of them lacks; `understudy serve` works anywhere.',
  })
}
