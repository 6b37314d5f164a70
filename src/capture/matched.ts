import { refused, type StartPorts } from './capture.ts'

/**
 * Whether rules that were taken also match the command's sockets: a rule whose cgroup is another one's, on a kernel that
 * counts levels differently, would let everything pass unseen. Throws CAPTURE_REFUSED.
 */
export const mustMatch = async (
  mode: string,
  knock: StartPorts['knock'],
  counted: () => Promise<number | undefined>,
): Promise<void> => {
  if (knock() < 0) return // no loopback: then nothing else gets out either, and the command will hear of it
  const packets = await counted()
  if (packets === 0) throw refused(mode, "the rules are there but do not match the command's cgroup")
}
