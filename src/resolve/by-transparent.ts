import type { Answer } from '../flow.ts'
import type { Strategy } from './strategy.ts'

const NOT_TRANSPARENT: Answer = { kind: 'pass', why: 'the listener is not transparent' }

/** TPROXY changes no packet: the accepted socket's own address is where the client was going (Linux tproxy.rst). */
export const byTransparent: Strategy = {
  name: 'tproxy',
  needsBytes: false,
  resolve: (flow) => (flow.isTransparent ? { kind: 'found', destination: flow.local } : NOT_TRANSPARENT),
}
