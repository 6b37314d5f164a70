import type { Answer } from '../flow.ts'
import type { Strategy } from './strategy.ts'

const NO_NAME: Answer = { kind: 'pass', why: 'the client named no host' }

/** The client's own word: Host header, absolute-form target or CONNECT authority. A name, not a fact: asked last. */
export const byHost: Strategy = {
  name: 'host',
  needsBytes: true,
  resolve: (flow) => (flow.named ? { kind: 'found', destination: flow.named } : NO_NAME),
}
