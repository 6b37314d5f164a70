/** What both servers forward to: it answers with what it got. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

const heardIn = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { method, url, headersDistinct } = request
  const names = Object.keys(headersDistinct).toSorted()
  const headers = Object.fromEntries(names.map((name) => [name, headersDistinct[name]]))
  return `${JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString('latin1') }, undefined, 1)}\n`
}

export interface Echo {
  readonly port: number
  close(): Promise<void>
}

/** `/drop` is answered by the end of the connection, `/status/N` with that status. */
export const startEcho = async (): Promise<Echo> => {
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/drop')) return void request.socket.destroy()
    const status = Number(/^\/status\/(\d{3})/.exec(request.url ?? '')?.[1] ?? 200)
    void heardIn(request).then((text) => {
      const headers = { 'content-type': 'application/json', 'x-from': 'echo', 'set-cookie': ['a=1; Path=/', 'b=2'] }
      response.sendDate = false
      const length = status === 204 ? {} : { 'content-length': Buffer.byteLength(text) }
      response.writeHead(status, { ...headers, ...length }).end(text)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return { port, close }
}
