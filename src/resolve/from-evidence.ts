import type { Answer } from '../flow.ts'
import type { Evidence } from './strategy.ts'

/** The answer of a strategy that only passes on what a port found. */
export const fromEvidence = (evidence: Evidence): Answer => {
  switch (evidence.kind) {
    case 'found':
      return { kind: 'found', destination: evidence.destination }
    case 'none':
      return { kind: 'pass', why: evidence.why }
    case 'broken':
      return { kind: 'fault', error: evidence.error }
  }
}
