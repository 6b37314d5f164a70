/** Removes what a run has left in a network namespace when neither it nor its guardian could. */
import { type LeftRules, refused } from './capture.ts'
import { mustBeRemoved, removeChains } from './iptables-rules.ts'
import { removeRouting, slotAt } from './policy-routing.ts'
import { runTool } from './tool.ts'

/** Shell commands that remove everything of a run, and say what it was. nft's own tables have gone with their owner. */
export const removalOf = ({ id, tool, isTproxy, slot }: LeftRules): string =>
  [
    ...(tool === 'iptables' ? [removeChains(id, isTproxy)] : []),
    ...(isTproxy ? [removeRouting(slotAt(slot))] : []),
  ].join('\n')

/** Removes it; says what, in words. Throws CAPTURE_REFUSED where something stays. */
export const removeLeft = async (left: LeftRules, netnsFd: number): Promise<string[]> => {
  const proof = left.tool === 'iptables' ? mustBeRemoved(left.id, left.isTproxy) : ':'
  const { status, out, err } = await runTool(netnsFd, 'sh', ['-c', `${removalOf(left)}\n${proof}`])
  if (status !== 0) throw refused(left.tool, `the rules of run ${left.id} cannot be removed: ${err}`)
  return out.split('\n').filter(Boolean)
}
