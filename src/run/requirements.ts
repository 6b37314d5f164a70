/** What must be so before anything is made. */
import { existsSync } from 'node:fs'
import { UnderstudyError } from '../errors.ts'
import { PATHS } from '../paths.ts'

/** Throws NOT_LINUX or NOT_ROOT. */
export const requireLinuxRoot = (): void => {
  if (process.platform !== 'linux') {
    throw new UnderstudyError('NOT_LINUX', `understudy run needs Linux; this is ${process.platform}`, {
      remedy: 'Use `understudy serve` and point the program at it.',
    })
  }
  if (process.geteuid?.() !== 0) {
    throw new UnderstudyError('NOT_ROOT', 'understudy run needs root to intercept connections', {
      remedy: 'Run it with sudo; the command itself then runs as you. Without root there is `understudy serve`.',
    })
  }
}

/** Whether these parts of the build are there. Throws NOT_BUILT. */
export const requireBuilt = (parts: readonly (keyof typeof PATHS)[]): void => {
  const missing = parts.map((part) => PATHS[part]).find((path) => !existsSync(path))
  if (missing === undefined) return
  throw new UnderstudyError('NOT_BUILT', `${missing} is not built`, {
    remedy: 'Run `make bpf native` (or `make setup bpf native` on a new machine).',
  })
}
