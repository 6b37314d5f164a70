/** A node without Kubernetes: a real container runtime with real pods, in namespaces and cgroups of its own. */
import type { MiniNode, MiniNodeOptions } from './interface.ts'

/** Starts a node. Call requireMiniNode() first; close() it. */
export const startMiniNode = (_options: MiniNodeOptions = {}): Promise<MiniNode> =>
  Promise.reject(new Error('not there yet'))
