import assert from 'node:assert/strict'
import { createServer, type Server, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Dial, directDial } from '../../../src/act/dial.ts'
import { type ApplicationSockets, createApplicationDial } from '../../../src/act/to-application.ts'

const EMFILE = -24

const listening = async (context: TestContext): Promise<Server> => {
  const server = createServer((socket) => socket.on('error', () => {}).end())
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve))
  context.after(() => server.close())
  return server
}

/** Sockets that cannot be had, as where descriptors have run out; what was asked for is kept. */
const none = (changes: Partial<ApplicationSockets> = {}) => {
  const asked: unknown[] = []
  const sockets: ApplicationSockets = {
    areSteered: false,
    make: (ipv6, source, withPort) => {
      asked.push(['make', ipv6, source, withPort])
      return { fd: EMFILE, port: 0 }
    },
    announce: (own) => asked.push(['announce', own]) > 0,
    forget: (own) => asked.push(['forget', own]),
    onSourceLost: (errno) => asked.push(['lost', errno]),
    onRefused: (port) => asked.push(['refused', port]),
    ...changes,
  }
  return { asked, sockets }
}

const dialled = (dial: Dial, ...[to, options]: [Parameters<Dial>[0], Parameters<Dial>[1]]): Promise<Socket> =>
  new Promise((resolve, reject) => dial(to, options, (error, socket) => (socket ? resolve(socket) : reject(error))))

const ended = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    socket.once('connect', () => resolve('connected'))
  })

test('what is not for the application is dialled otherwise', async (context) => {
  const server = await listening(context)
  const { asked, sockets } = none()
  const address = server.address()
  assert.ok(typeof address === 'object' && address)
  const socket = await dialled(
    createApplicationDial(sockets, directDial),
    { address: '127.0.0.1', port: address.port },
    {},
  )
  context.after(() => socket.destroy())
  assert.equal(await ended(socket), 'connected')
  assert.deepEqual(asked, [])
})

test('without a socket the dial fails; it is not tried as any other, which might lead back to us', async () => {
  const { asked, sockets } = none()
  const otherwise: Dial = () => assert.fail('dialled otherwise')
  const options = { appPort: 8080, source: '192.0.2.7' }
  const socket = await dialled(createApplicationDial(sockets, otherwise), { address: '127.0.0.1', port: 8080 }, options)
  assert.equal(await ended(socket), 'EMFILE')
  assert.deepEqual(asked, [
    ['make', false, '192.0.2.7', false],
    ['lost', EMFILE],
    ['make', false, '', false],
  ])
})

for (const source of ['2001:db8::7', 'fe80::7%eth0', '']) {
  test(`an IPv4 application is not dialled from "${source}"`, async () => {
    const { asked, sockets } = none()
    const dial = createApplicationDial(sockets, directDial)
    const socket = await dialled(dial, { address: '127.0.0.1', port: 8080 }, { appPort: 8080, source })
    assert.equal(await ended(socket), 'EMFILE')
    assert.deepEqual(asked, [['make', false, '', false]])
  })
}

const steered = async (to: string, source: string): Promise<unknown[]> => {
  const { asked, sockets } = none({ areSteered: true })
  const socket = await dialled(
    createApplicationDial(sockets, directDial),
    { address: to, port: 8080 },
    { appPort: 8080, source },
  )
  assert.equal(await ended(socket), 'EMFILE')
  return asked
}

test('a connection that the kernel would steer has one address at both ends', async () => {
  assert.deepEqual(await steered('2001:db8::1', ''), [['make', true, '2001:db8::1', false]])
})

test("a connection with a client's address needs its port early where the kernel has to be told of it", async () => {
  assert.deepEqual((await steered('192.0.2.1', '192.0.2.7'))[0], ['make', false, '192.0.2.7', true])
  assert.deepEqual((await steered('127.0.0.1', '192.0.2.7'))[0], ['make', false, '192.0.2.7', false])
})
