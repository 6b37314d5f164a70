/** Our own upstream connections that are open, by the address they come from: whom a server behind them would name. */
import type { Endpoint } from '../flow.ts'
import { plainAddress } from '../resolve/plain-address.ts'
import type { Dial } from './dial.ts'

export interface OwnLegs {
  /** The same dial, with its connections kept track of. */
  tracking(dial: Dial): Dial
  has(source: Endpoint): boolean
}

export const createOwnLegs = (): OwnLegs => {
  const open = new Set<string>()
  const keyOf = ({ address, port }: Endpoint): string => `${address} ${port}`
  return {
    tracking: (dial) => (destination, options, done) =>
      dial(destination, options, (failure, socket) => {
        socket?.once('connect', () => {
          const key = keyOf({ address: plainAddress(socket.localAddress ?? ''), port: socket.localPort ?? 0 })
          open.add(key)
          socket.once('close', () => open.delete(key))
        })
        done(failure, socket)
      }),
    has: (source) => open.has(keyOf(source)),
  }
}
