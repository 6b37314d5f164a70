import { BlockList, isIPv6 } from 'node:net'

/** Whether an address, as a flow has it, is in one of the networks. */
export type IsTrusted = (address: string) => boolean

/** `prefix` in bits of the address's own family. */
export const createTrustedPeers = (
  networks: readonly { readonly address: string; readonly prefix: number }[],
): IsTrusted => {
  const list = new BlockList()
  const familyOf = (address: string) => (isIPv6(address) ? 'ipv6' : 'ipv4')
  for (const { address, prefix } of networks) list.addSubnet(address, prefix, familyOf(address))
  return (address) => {
    // A zone tells links apart, not networks.
    const [bare = ''] = address.split('%', 1)
    return list.check(bare, familyOf(bare))
  }
}
