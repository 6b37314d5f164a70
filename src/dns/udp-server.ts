/** The UDP side of the DNS server. */
import { createSocket } from 'node:dgram'
import type { Endpoint } from '../flow.ts'
import { plainAddress } from '../resolve/plain-address.ts'
import { givenAddress, isIpv6Place, type Place } from './sockets.ts'

/** Waiting datagrams, bytes; the kernel grants what net.core.rmem_max allows. */
const RECEIVE_BUFFER_BYTES = 1 << 20

export interface UdpServer {
  readonly local: Endpoint
  close(): Promise<void>
}

/** Rejects where the place cannot be listened at. */
export const listenUdp = (
  place: Place,
  onQuery: (query: Buffer, peer: Endpoint, reply: (message: Buffer) => void) => void,
): Promise<UdpServer> => {
  const type = isIpv6Place(place) ? 'udp6' : 'udp4'
  // What the kernel does not grant is no reason not to listen: Node asks for the buffer once the socket is bound.
  const socket = createSocket({ type, lookup: givenAddress, recvBufferSize: RECEIVE_BUFFER_BYTES })
  let isOpen = true
  const send = (message: Buffer, port: number, address: string): void => {
    if (isOpen) socket.send(message, port, address) // throws on a closed socket
  }
  const close = (): Promise<void> => {
    isOpen = false
    return new Promise((resolve) => socket.close(() => resolve()))
  }
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('listening', () => {
      socket.off('error', reject)
      socket.on('error', () => {}) // one answer that could not be sent: the client asks again
      socket.on('message', (query, { address, port }) => {
        if (port === 0) return // RFC 768: no answer is wanted, and none can be sent
        onQuery(query, { address: plainAddress(address), port }, (message) => send(message, port, address))
      })
      const { address, port } = socket.address()
      resolve({ local: { address, port }, close })
    })
    if ('fd' in place) socket.bind({ fd: place.fd })
    else socket.bind({ address: place.address, port: place.port, exclusive: true })
  })
}
