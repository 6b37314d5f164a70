import { fromEvidence } from './from-evidence.ts'
import type { ReadEvidence, Strategy } from './strategy.ts'

/** What NAT in the workload's namespace did, asked of the accepted socket itself: getsockopt(SO_ORIGINAL_DST). */
export const bySoOriginalDst = (read: ReadEvidence): Strategy => ({
  name: 'so-original-dst',
  needsBytes: false,
  resolve: (flow) => fromEvidence(read(flow)),
})
