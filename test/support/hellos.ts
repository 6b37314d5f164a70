/** ClientHellos of real clients, taken off a loopback socket as they come. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type ConnectionOptions, connect } from 'node:tls'
import { MAX_HELLO_BYTES, parseClientHello } from '../../src/tls/client-hello.ts'
import { within } from './plane-lab.ts'

/** What a client sends first, gathered until it is whole; `dial` is given the port to connect to, and returns a way to end. */
const capture = async (dial: (port: number) => () => void): Promise<Buffer> => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const end = dial((server.address() as AddressInfo).port)
  let socket: Socket | undefined
  try {
    ;[socket] = (await within('the client to connect', once(server, 'connection'))) as [Socket]
    socket.on('error', () => undefined)
    let bytes = Buffer.alloc(0)
    while (parseClientHello(bytes).kind === 'more' && bytes.length <= MAX_HELLO_BYTES) {
      const [chunk] = (await within('the hello', once(socket, 'data'))) as [Buffer]
      bytes = Buffer.concat([bytes, chunk])
    }
    return bytes
  } finally {
    socket?.destroy()
    server.close()
    end()
  }
}

const run = (command: string, args: readonly string[]): (() => void) => {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'ignore'] })
  child.on('error', () => undefined) // the wait for its connection tells
  return () => child.kill('SIGKILL')
}

export const nodeHello = (options: ConnectionOptions = {}): Promise<Buffer> =>
  capture((port) => {
    const socket = connect({ host: '127.0.0.1', port, ...options })
    socket.on('error', () => undefined)
    return () => socket.destroy()
  })

/** `args` as `openssl s_client` takes them. */
export const opensslHello = (...args: readonly string[]): Promise<Buffer> =>
  capture((port) => run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...args]))

export const curlHello = (host: string, ...args: readonly string[]): Promise<Buffer> =>
  capture((port) =>
    run('curl', ['-qsk', '--noproxy', '*', '--connect-to', `::127.0.0.1:${port}`, ...args, `https://${host}/`]),
  )

/** A hello made by hand: its extensions, each with its type, behind fields that are well-formed. */
export const helloOf = (...extensions: readonly (readonly [number, Buffer])[]): Buffer => {
  const all = Buffer.concat(extensions.flatMap(([type, data]) => [u16(type), vector16(data)]))
  const fixed = [u16(0x0303), Buffer.alloc(32), Buffer.from([0]), vector16(u16(0x1301)), Buffer.from([1, 0])]
  return messageOf(Buffer.concat([...fixed, vector16(all)]))
}

/** A ClientHello message with this body. */
export const messageOf = (body: Buffer): Buffer =>
  Buffer.concat([Buffer.from([1, body.length >> 16]), u16(body.length & 0xffff), body])

export const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
export const vector16 = (data: Buffer): Buffer => Buffer.concat([u16(data.length), data])

/** A handshake message in records of at most this many bytes. */
export const recordsOf = (message: Buffer, fragmentBytes = 1 << 14): Buffer => {
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += fragmentBytes) {
    const fragment = message.subarray(at, at + fragmentBytes)
    records.push(Buffer.from([22, 3, 1]), vector16(fragment))
  }
  return Buffer.concat(records)
}

/** The extension data of SNI with these names, each with its type. */
export const serverNames = (...names: readonly (readonly [number, string])[]): Buffer =>
  vector16(Buffer.concat(names.flatMap(([type, name]) => [Buffer.from([type]), vector16(Buffer.from(name, 'latin1'))])))
