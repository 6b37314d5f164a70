/** NAT by iptables, whichever of its two variants the system has: chains of our own, kept by a guardian. */
import { type Capture, type LeftRules, type Ports, refused, type Target } from './capture.ts'
import { forgetTranslated } from './forget.ts'
import { type Guardian, startGuardian } from './guardian.ts'
import { chainsOf, firstCounted, iptablesRedirect, toolOf, WAIT } from './iptables-rules.ts'
import { removalOf, removeLeft } from './leftovers.ts'
import { mustMatch } from './matched.ts'
import { runTool } from './tool.ts'

const MODE = 'iptables'
const REMEDY =
  'The kernel needs CONFIG_NETFILTER_XT_MATCH_CGROUP (xt_cgroup), REDIRECT and conntrack, or iptables is not installed.'

/** The families there is a listener for, and so rules. */
export const familiesOf = ({ port4, port6 }: Ports): (4 | 6)[] => [
  ...(port4 > 0 ? ([4] as const) : []),
  ...(port6 > 0 ? ([6] as const) : []),
]

/** A shell command that restores $1, $2 … with the tool of each family. */
export const restoreAll = (families: readonly (4 | 6)[]): string =>
  families.map((family, i) => `printf %s "$${i + 1}" | ${toolOf(family)}-restore ${WAIT} --noflush`).join('\n')

/** Whether both tools are there and may be used here. */
export const checkIptables = async (netnsFd: number, mode: string, table: string): Promise<void> => {
  for (const family of [4, 6] as const) {
    const { status, err } = await runTool(netnsFd, toolOf(family), [...WAIT.split(' '), '-t', table, '-S', 'OUTPUT'])
    if (status !== 0) throw refused(mode, err)
  }
}

/** Packets that matched the cgroup, of the rules of IPv4. */
export const countedByIptables = async (target: Target, table: string): Promise<number | undefined> => {
  const args = [...WAIT.split(' '), '-t', table, '-nvxL', chainsOf(target.id).out]
  return firstCounted((await runTool(target.netnsFd, 'iptables', args)).out)
}

export const createIptables = (): Capture => {
  let guardian: Guardian | undefined
  let undo: (() => Promise<unknown>) | undefined
  return {
    name: MODE,
    isTransparent: false,
    check: ({ netnsFd }) => checkIptables(netnsFd, MODE, 'nat'),
    start: async (target, ports, { note, knock, onLost }) => {
      const left: LeftRules = { id: target.id, tool: 'iptables', isTproxy: false, slot: 0 }
      const families = familiesOf(ports)
      note(left)
      undo = async () => {
        if (guardian?.kind === 'ready') await guardian.stop()
        await removeLeft(left, target.netnsFd)
        await forgetTranslated(target.netnsFd, ports)
        note(undefined)
      }
      guardian = await startGuardian({
        netnsFd: target.netnsFd,
        install: restoreAll(families),
        remove: removalOf(left),
        args: families.map((family) => iptablesRedirect({ ...target, ports }, family)),
        onLost,
      })
      if (guardian.kind === 'failed') throw refused(MODE, guardian.said, REMEDY)
      await mustMatch(MODE, knock, () => countedByIptables(target, 'nat'))
    },
    stop: async () => {
      const step = undo
      undo = undefined
      await step?.()
    },
  }
}
