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

/** Policies that no workload of ours has, by network namespace: of pods that went, or opted out, while no agent was there. */
export const strangersOf = (
  kernel: Pick<Kernel, 'policies'>,
  isKnown: (netnsCookie: bigint) => boolean,
): ReadonlyMap<bigint, number> =>
  new Map(
    kernel
      .policies()
      .flatMap(({ netnsCookie, policy }) => (isKnown(netnsCookie) ? [] : [[netnsCookie, policy.id] as const])),
  )

/** Removes those that are still the same. */
export const removePolicies = (
  kernel: Pick<Kernel, 'policyOf' | 'removePolicy' | 'includeCidrs'>,
  policies: ReadonlyMap<bigint, number>,
): void => {
  for (const [netnsCookie, id] of policies) {
    if (kernel.policyOf(netnsCookie)?.id !== id) continue
    kernel.removePolicy(netnsCookie)
    kernel.includeCidrs(id)
  }
}
