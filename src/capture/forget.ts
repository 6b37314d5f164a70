/** What outlives NAT rules: the translations of connections that the kernel still remembers. */
import type { Ports } from './capture.ts'
import { runTool } from './tool.ts'

/**
 * Makes the kernel forget connections that were translated to our listeners, as far as conntrack(8) is installed. It keeps
 * closed ones for seconds to minutes, and sends a new one with the same addresses and ports where the old one went: to a
 * port that nobody listens on any more.
 */
export const forgetTranslated = async (netnsFd: number, { port4, port6 }: Ports): Promise<void> => {
  const forget = (family: string, address: string, port: number) =>
    runTool(netnsFd, 'conntrack', [
      ...['-D', '-f', family, '-p', 'tcp', '--reply-src', address, '--reply-port-src', `${port}`],
    ])
  if (port4 > 0) await forget('ipv4', '127.0.0.1', port4)
  if (port6 > 0) await forget('ipv6', '::1', port6)
}
