/** Numbers for policies: none that another policy in the kernel has, whichever agent has put it there. */
import type { Kernel } from '../kernel/programs.ts'

const MAX_ID = 0xffff_fffe

/** The next one each time; 0 stands for no policy and is never given. */
export const createPolicyIds = (kernel: Pick<Kernel, 'policies'>): (() => number) => {
  let last = 0
  return () => {
    const used = new Set(kernel.policies().map(({ policy }) => policy.id))
    last = Math.max(last, ...[...used].filter((id) => id < MAX_ID / 2))
    do last = last >= MAX_ID ? 1 : last + 1
    while (used.has(last))
    return last
  }
}

/**
 * Policies that no workload of ours has: of pods that went while no agent was there. Call only once every workload has been
 * looked at; returns how many were removed.
 */
export const removeStrangers = (
  kernel: Pick<Kernel, 'policies' | 'removePolicy' | 'includeCidrs'>,
  isKnown: (netnsCookie: bigint) => boolean,
): number => {
  const strangers = kernel.policies().filter(({ netnsCookie }) => !isKnown(netnsCookie))
  for (const { netnsCookie, policy } of strangers) {
    kernel.removePolicy(netnsCookie)
    kernel.includeCidrs(policy.id)
  }
  return strangers.length
}
