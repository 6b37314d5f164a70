import type { Decision, Resolution } from '../flow.ts'
import type { Policy } from './decide.ts'

/**
 * What to do with bytes that are not HTTP: relayed to where they were going, and refused where nothing says where that
 * is or where unmatched traffic must not leave.
 */
export const decideBytes = (resolution: Resolution, policy: Policy): Decision => {
  if (policy.onUnmatched === 'refuse') return { kind: 'refuse', status: 502, reason: 'no_expectation' }
  if (!resolution.destination) return { kind: 'refuse', status: 502, reason: 'no_destination' }
  return { kind: 'relay', destination: resolution.destination }
}
