/** Where the DNS server listens, and a look-up that looks nothing up. */
import { isIPv6 } from 'node:net'

/** A socket made and bound elsewhere, or an address of ours. Port 0 takes any free one. */
export type Place =
  | { readonly fd: number; readonly isIpv6: boolean }
  | { readonly address: string; readonly port: number }

export const isIpv6Place = (place: Place): boolean => ('fd' in place ? place.isIpv6 : isIPv6(place.address))

/** For sockets that are only ever given addresses: what Node would do instead costs a turn of the event loop a datagram. */
export const givenAddress = (address: string, _: unknown, done: GivenBack): void =>
  done(null, address, isIPv6(address) ? 6 : 4)

type GivenBack = (error: NodeJS.ErrnoException | null, address: string, family: number) => void
