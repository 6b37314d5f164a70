import { fromEvidence } from './from-evidence.ts'
import type { ReadEvidence, Strategy } from './strategy.ts'

/** The connection tracking table, asked by the connection's addresses: where the socket option is not to be had. */
export const byConntrack = (read: ReadEvidence): Strategy => ({
  name: 'conntrack',
  needsBytes: false,
  resolve: (flow) => fromEvidence(read(flow)),
})
