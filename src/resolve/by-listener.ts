import type { Answer } from '../flow.ts'
import type { Strategy } from './strategy.ts'

const NO_PORT: Answer = { kind: 'pass', why: 'the listener stands for no port' }

/**
 * An inbound listener stands for one port of the application, and the connection has kept the address it was sent to:
 * together they are where the client was going, even where the kernel kept no record.
 */
export const byListener: Strategy = {
  name: 'listener',
  needsBytes: false,
  resolve: ({ standsFor, local }) =>
    standsFor === undefined ? NO_PORT : { kind: 'found', destination: { address: local.address, port: standsFor } },
}
