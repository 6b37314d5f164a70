/** What HTTP/2 clients with prior knowledge send first. */
import { once } from 'node:events'
import { connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { within } from './plane-lab.ts'

/** RFC 9113 3.4. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
/** An empty SETTINGS frame. */
export const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])

const HEADERS = 1

/** Whether the bytes hold a whole HEADERS frame. */
const hasHeaders = (bytes: Buffer): boolean => {
  for (let at = PREFACE.length; at + 9 <= bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3)
    if (bytes[at + 3] === HEADERS) return end <= bytes.length
    at = end
  }
  return false
}

/** The bytes of node's own client up to its first request, taken off a loopback socket. */
export const http2Start = async (headers: OutgoingHttpHeaders): Promise<Buffer> => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const session = connectHttp2('http://unused', { createConnection: () => connect(port, '127.0.0.1') })
  session.on('error', () => undefined)
  session.request(headers, { endStream: true }).on('error', () => undefined)
  let socket: Socket | undefined
  try {
    ;[socket] = (await within('the client to connect', once(server, 'connection'))) as [Socket]
    let bytes = Buffer.alloc(0)
    while (!hasHeaders(bytes)) {
      const [chunk] = (await within('the request', once(socket, 'data'))) as [Buffer]
      bytes = Buffer.concat([bytes, chunk])
    }
    return bytes
  } finally {
    socket?.destroy()
    session.destroy()
    server.close()
  }
}
