/** Whether this machine can hold a mini-node. */
import { existsSync } from 'node:fs'
import { requireKernel } from '../lab.ts'

/** The package of Debian → where it, or another of the same, puts what is needed of it. */
const NEEDED: readonly (readonly [string, readonly string[]])[] = [
  ['containerd', ['/usr/bin/containerd']],
  ['runc', ['/usr/sbin/runc', '/usr/bin/runc']],
  ['containernetworking-plugins', ['/usr/lib/cni/ptp']],
  ['busybox-static', ['/bin/busybox']],
]

/**
 * Why this machine cannot run the tests of the mini-node, as node:test's `skip` wants it; false when it can. With
 * UNDERSTUDY_REQUIRE_KERNEL=1 it throws instead, so that nothing is skipped unseen.
 */
export const requireMiniNode = (): string | false => {
  const why = requireKernel()
  if (why) return why
  const missing = NEEDED.find(([, paths]) => !paths.some((path) => existsSync(path)))?.[0]
  if (!missing) return false
  if (process.env['UNDERSTUDY_REQUIRE_KERNEL'] === '1')
    throw new Error(`a mini-node is required, but ${missing} is not installed`)
  return `${missing} is not installed (make setup)`
}
