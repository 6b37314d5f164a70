import type { Answer } from '../flow.ts'
import type { Strategy } from './strategy.ts'

const NO_HEADER: Answer = { kind: 'pass', why: 'no PROXY header' }
const NO_DESTINATION: Answer = { kind: 'pass', why: 'the PROXY header names no destination' }

/** A load balancer that we were told to trust wrote the destination ahead of the client's bytes. It saw the client. */
export const byProxyHeader: Strategy = {
  name: 'proxy-protocol',
  needsBytes: false,
  resolve: ({ proxied }) => {
    if (!proxied) return NO_HEADER
    return proxied.destination ? { kind: 'found', destination: proxied.destination } : NO_DESTINATION
  },
}
