import type { Answer } from '../flow.ts'
import type { Strategy } from './strategy.ts'

const NO_KERNEL: Answer = { kind: 'pass', why: 'no kernel side' }
const NO_ENTRY: Answer = { kind: 'pass', why: 'no entry for the cookie' }

/**
 * The kernel saved the destination at connect() and handed it to the accepted socket's cookie (with the socket's own
 * storage as its second look). Nothing is cheaper or surer.
 */
export const byCookie: Strategy = {
  name: 'ebpf',
  needsBytes: false,
  resolve: (flow) => {
    if (flow.saved) return { kind: 'found', destination: flow.saved.destination }
    return flow.cookie === 0n ? NO_KERNEL : NO_ENTRY
  },
}
