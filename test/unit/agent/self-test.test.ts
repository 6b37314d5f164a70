import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createSelfTest, isTestAddress, type SelfTest, testDestinations } from '../../../src/agent/self-test.ts'
import type { Flow } from '../../../src/flow.ts'
import { openNetns } from '../../../src/kernel/netns.ts'
import { loadShim } from '../../../src/kernel/shim.ts'
import { SHIM_PATH } from '../../support/lab.ts'

const skip = existsSync(SHIM_PATH) ? false : 'the shim is not built'
const BOTH = { excludedPorts: [], listenPort6: 4001 }
const TEST4 = { address: '192.0.2.117', port: 7 }
const TEST6 = { address: '2001:db8:75:73::7', port: 7 }

test('one test goes out of each family that has a listener', () => {
  assert.deepEqual(testDestinations(BOTH, []), [TEST4, TEST6])
  assert.deepEqual(testDestinations({ ...BOTH, listenPort6: 0 }, []), [TEST4])
  for (const { address } of [TEST4, TEST6]) assert.ok(isTestAddress(address))
})

test('a port that the policy leaves alone is not tried, nor is that of DNS', () => {
  const portOf = (...excludedPorts: { first: number; last: number }[]) =>
    testDestinations({ excludedPorts, listenPort6: 0 }, [])[0]?.port
  assert.equal(portOf({ first: 1, last: 6 }), 7)
  assert.equal(portOf({ first: 7, last: 7 }), 54)
  assert.equal(portOf({ first: 1, last: 52 }), 54)
  assert.equal(portOf({ first: 1, last: 99 }), 100)
  assert.equal(portOf({ first: 1, last: 99 }, { first: 100, last: 65_534 }), 65_535)
  assert.equal(portOf({ first: 1, last: 65_535 }), undefined)
  assert.equal(portOf({ first: 54, last: 65_535 }, { first: 0, last: 52 }), undefined)
})

test('an address that the policy leaves alone is not tried; where that is all, there is no test', () => {
  const cidr = (address: string, prefix: number) => ({ address, prefix })
  assert.deepEqual(testDestinations(BOTH, [cidr('192.0.2.0', 24)]), [TEST6])
  assert.deepEqual(testDestinations(BOTH, [cidr('2001:db8::', 32)]), [TEST4])
  assert.deepEqual(testDestinations(BOTH, [cidr('0.0.0.0', 0), cidr('::', 0)]), [])
  assert.deepEqual(testDestinations(BOTH, [cidr('10.0.0.0', 8)]), [TEST4, TEST6])
})

const flowTo = (address: string): Flow =>
  ({ saved: { destination: { address, port: 7 } }, direction: 'outbound' }) as Flow

const serve = async (t: TestContext, handle: (socket: Socket) => void): Promise<number> => {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    handle(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Our own namespace, whose connections all go to a port of loopback, as the programs lead those of a pod to our listener. */
const towards = (t: TestContext, ...ports: readonly number[]) => {
  const netns = openNetns(loadShim(SHIM_PATH), undefined)
  t.after(netns.close)
  const dialled: string[] = []
  return {
    dialled,
    netns: {
      ...netns,
      connectFrom: (procs: string, address: string, port: number) => {
        const to = ports[dialled.length] ?? -1
        dialled.push(`${procs} ${address} ${port}`)
        return to < 0 ? to : netns.connectFrom('', '127.0.0.1', to)
      },
    },
  }
}
const answering = (selfTest: SelfTest) => (socket: Socket) =>
  void assert.ok(selfTest.takes(socket, flowTo(TEST4.address)))

test('a connection to another address than those of tests is left to others', async (t) => {
  const selfTest = createSelfTest()
  const taken: boolean[] = []
  const port = await serve(t, (socket) => {
    taken.push(selfTest.takes(socket, flowTo('192.0.2.118')), selfTest.takes(socket, {} as Flow))
    socket.end('not ours')
  })
  const socket = connect(port, '127.0.0.1')
  const [bytes] = await once(socket, 'data')
  assert.equal(String(bytes), 'not ours')
  assert.deepEqual(taken, [false, false])
})

test('it passes when our own listener answers, for every family', { skip }, async (t) => {
  const selfTest = createSelfTest()
  const port = await serve(t, answering(selfTest))
  const { netns, dialled } = towards(t, port, port)
  assert.deepEqual(await selfTest.run(netns, '/procs', [TEST4, TEST6]), { kind: 'passed' })
  assert.deepEqual(dialled, ['/procs 192.0.2.117 7', '/procs 2001:db8:75:73::7 7'])
})

test('an answer that comes in pieces passes, too', { skip }, async (t) => {
  const selfTest = createSelfTest()
  const whole = await serve(t, answering(selfTest))
  const port = await serve(t, (socket) => {
    connect(whole, '127.0.0.1').on('data', (bytes) => {
      socket.setNoDelay()
      for (const byte of Buffer.from(bytes)) socket.write(Buffer.of(byte))
    })
  })
  assert.deepEqual(await selfTest.run(towards(t, port).netns, '', [TEST4]), { kind: 'passed' })
})

test('one family that fails is a failure, although the other passes', { skip }, async (t) => {
  const selfTest = createSelfTest()
  const port = await serve(t, answering(selfTest))
  const result = await selfTest.run(towards(t, port, -113).netns, '', [TEST4, TEST6])
  assert.deepEqual(result, { kind: 'failed', why: `no connection to ${TEST6.address} can be begun: EHOSTUNREACH` })
})

test('where the answer is another agent’s, that one is in charge', { skip }, async (t) => {
  const port = await serve(t, answering(createSelfTest()))
  assert.deepEqual(await createSelfTest().run(towards(t, port).netns, '', [TEST4]), { kind: 'other_agent' })
})

for (const [what, handle] of [
  ['says something else', (socket: Socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['says nothing and goes', (socket: Socket) => void socket.end()],
  ['says more than any answer of ours and stays', (socket: Socket) => void socket.write('understudy '.repeat(40))],
] as const) {
  test(`a server that ${what} is somebody else`, { skip }, async (t) => {
    const port = await serve(t, handle)
    const result = await createSelfTest().run(towards(t, port).netns, '', [TEST4])
    assert.deepEqual(result, { kind: 'failed', why: 'somebody else answered' })
  })
}

test('a server that takes the connection and says nothing fails it in the end', { skip }, async (t) => {
  const taken: Socket[] = []
  const port = await serve(t, (socket) => taken.push(socket))
  const result = await createSelfTest(20).run(towards(t, port).netns, '', [TEST4, TEST6])
  assert.deepEqual(result, { kind: 'failed', why: 'nobody answered in time' })
  assert.equal(taken.length, 1, 'the second family is not waited for')
})

test('a connection that is refused or reset is a failure with its reason', { skip }, async (t) => {
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as AddressInfo
  free.close()
  await once(free, 'close')
  const refused = await createSelfTest().run(towards(t, port).netns, '', [TEST4])
  assert.deepEqual(refused, { kind: 'failed', why: 'the connection failed: ECONNREFUSED' })
  const resets = await serve(t, (socket) => socket.resetAndDestroy())
  const reset = await createSelfTest().run(towards(t, resets).netns, '', [TEST4])
  assert.deepEqual(reset, { kind: 'failed', why: 'the connection failed: ECONNRESET' })
})

test('without a destination it is impossible', { skip }, async (t) => {
  assert.deepEqual(await createSelfTest().run(towards(t).netns, '', []), { kind: 'impossible' })
})
