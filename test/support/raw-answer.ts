/** What one connection is sent, to the byte. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

export interface RawConnection {
  readonly socket: Socket
  /** All that has come so far, as latin1. */
  readonly text: string
  /** Resolves when that much text is there; rejects when the connection ends before. */
  until(isThere: (text: string) => boolean): Promise<string>
  /** Resolves when the server has ended the connection. */
  ended(): Promise<string>
}

/** Connects and sends; what comes back is told by `until` and `ended`. */
export const rawConnection = (t: TestContext, port: number, sent: string): RawConnection => {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  let text = ''
  socket.setEncoding('latin1')
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => {
    text += String(chunk)
    socket.emit('grown')
  })
  const end = once(socket, 'end')
  socket.write(sent, 'latin1')
  return {
    socket,
    get text() {
      return text
    },
    until: async (isThere) => {
      while (!isThere(text)) {
        const isOver = await Promise.race([end.then(() => true), once(socket, 'grown').then(() => false)])
        if (isOver && !isThere(text)) throw new Error(`the connection ended after ${JSON.stringify(text)}`)
      }
      return text
    },
    ended: async () => {
      await end
      return text
    },
  }
}

export const get = (path: string, ...headers: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'host: a', ...headers, '', ''].join('\r\n')
