/** Reference and subject run on the same core, what loads them on the other. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')
export const BUILT = join(ROOT, 'build/bench')

/** The core of what is measured, and the core of clients and upstreams. */
export const CORES = { subject: '0', load: '1' } as const

/** The command, kept on one core. */
export const onCore = (core: string, ...argv: string[]): string[] => ['taskset', '-c', core, ...argv]

/** Keeps this process off the core of what is measured. */
export const leaveSubjectAlone = (): void => {
  execFileSync('taskset', ['-a', '-c', '-p', CORES.load, `${process.pid}`], { stdio: 'ignore' })
}
