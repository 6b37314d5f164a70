/** Ports of the machine's loopback, such as an API server's of the tests, brought into a node's network. */
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface Forwarding {
  forward(port: number): Promise<number>
  /** Ends what goes on, and listens no longer. */
  close(): void
}

/** `listen` is the node's: it makes a server listen in its network. */
export const createForwarding = (listen: (server: Server) => Promise<number>): Forwarding => {
  const open = new Set<Server | Socket>()
  const track = <T extends Server | Socket>(one: T): T => {
    open.add(one)
    one.once('close', () => open.delete(one))
    return one
  }
  return {
    forward: (port) =>
      listen(
        track(
          createServer({ allowHalfOpen: true }, (client) => {
            const server = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
            const sides = [client, server]
            for (const side of sides) {
              track(side).on('error', () => {
                for (const one of sides) one.destroy()
              })
            }
            client.pipe(server)
            server.pipe(client)
          }),
        ),
      ),
    close: () => {
      for (const one of open) {
        if ('destroy' in one) one.destroy()
        else one.close()
      }
    },
  }
}
