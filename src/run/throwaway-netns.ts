/** A network namespace with nothing but loopback, for trying things that the machine's own rules are not to see. */
import { startTool } from '../capture/tool.ts'

export interface ThrowawayNetns {
  readonly path: string
  /** Of a process in it that does nothing. */
  readonly pid: number
  /** The kernel takes it away with all its rules. */
  close(): Promise<void>
}

const HOLD = 'ip link set lo up && echo ready && read -r nothing'

/** Undefined, with what was said, where there can be none: no right to make it, or no `ip`. */
export const makeThrowawayNetns = async (): Promise<ThrowawayNetns | { readonly why: string }> => {
  const tool = startTool(-1, 'unshare', ['--net', 'sh', '-c', HOLD])
  const ready = await tool.until((out) => (out.includes('ready') ? true : undefined))
  if (!ready) return { why: tool.said().err.trim() || 'it cannot be made' }
  const { pid = 0 } = tool.child
  return {
    path: `/proc/${pid}/ns/net`,
    pid,
    close: async () => {
      tool.child.stdin?.end()
      tool.hurry()
      await tool.ended
    },
  }
}
