/** One rule of a packet filter in a namespace of the lab, for the length of a test. */
import type { Lab, Place } from './lab.ts'

/** Applies an nft(8) rule to IPv4 packets that come in, for example `tcp dport 80 reject with tcp reset`. */
export const fence = async (
  lab: Lab,
  context: { after(run: () => Promise<void>): void },
  place: Exclude<Place, 'workload'>,
  rule: string,
): Promise<void> => {
  const chain = 'add table ip fence; add chain ip fence in { type filter hook input priority 0; }'
  const { code, stderr } = await lab.run(place, ['nft', `${chain}; add rule ip fence in ${rule}`])
  if (code !== 0) throw new Error(`nft: ${stderr}`)
  context.after(async () => {
    await lab.run(place, ['nft', 'delete table ip fence'])
  })
}
