import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createCallbackClients, type Waited } from '../../../src/control/callback-clients.ts'

const lab = (limits: { readonly maxClients?: number; readonly maxWaiting?: number } = {}) => {
  let ids = 0
  const hits: string[] = []
  const clients = createCallbackClients({
    maxClients: 9,
    maxWaiting: 9,
    maxUnsentBytes: 100,
    timeoutMs: 1000,
    newId: () => `id-${++ids}`,
    onLimit: (limit) => hits.push(limit),
    ...limits,
  })
  return { clients, hits }
}

const fakeSocket = () => {
  const sent: string[] = []
  const closed: number[] = []
  return {
    sent,
    closed,
    bufferedAmount: 0,
    send: (text: string) => sent.push(text),
    close: (code: number) => closed.push(code),
  }
}

/** Asks, and notes how the waits ended. */
const asking = (clients: ReturnType<typeof lab>['clients'], clientId: string) => {
  const ended: Waited['kind'][] = []
  return {
    ended,
    ask: () =>
      clients.ask(
        clientId,
        (correlation) => correlation,
        ({ kind }) => ended.push(kind),
      ),
  }
}

const answer = (correlationId: string): string =>
  JSON.stringify({
    type: 'org.mockserver.model.HttpResponse',
    value: JSON.stringify({ headers: { WebSocketCorrelationId: [correlationId] } }),
  })

const withTimers = (t: TestContext): void => t.mock.timers.enable({ apis: ['setTimeout'] })

test('a wait ends once: with the answer, and a second one is nothing', (t) => {
  withTimers(t)
  const { clients } = lab()
  const socket = fakeSocket()
  const client = clients.add(socket, 'a')
  const { ask, ended } = asking(clients, 'a')
  ask()
  const [, correlation = ''] = socket.sent
  client?.message(answer(correlation))
  client?.message(answer(correlation))
  client?.gone()
  t.mock.timers.tick(5000)
  assert.deepEqual(ended, ['response'])
})

test('a wait ends in time, and its answer is then nothing', (t) => {
  withTimers(t)
  const { clients } = lab()
  const socket = fakeSocket()
  const client = clients.add(socket, 'a')
  const { ask, ended } = asking(clients, 'a')
  ask()
  t.mock.timers.tick(1000)
  client?.message(answer(socket.sent[1] ?? ''))
  assert.deepEqual(ended, ['late'])
})

test('who waits no longer is not told', (t) => {
  withTimers(t)
  const { clients } = lab()
  const client = clients.add(fakeSocket(), 'a')
  const { ask, ended } = asking(clients, 'a')
  ask()()
  client?.gone()
  t.mock.timers.tick(5000)
  assert.deepEqual(ended, [])
})

test('too many requests for one client, or too much that it has not taken, is told at once and counted', (t) => {
  withTimers(t)
  const { clients, hits } = lab({ maxWaiting: 1 })
  clients.add(fakeSocket(), 'a')
  const slow = { ...fakeSocket(), bufferedAmount: 101 }
  clients.add(slow, 'slow')
  const one = asking(clients, 'a')
  one.ask()
  one.ask()
  const other = asking(clients, 'slow')
  other.ask()
  assert.deepEqual([one.ended, other.ended, hits], [['full'], ['full'], ['callback_waiting', 'callback_waiting']])
  clients.clear()
})

test('a client too many is not registered, and one that goes makes room', () => {
  const { clients, hits } = lab({ maxClients: 1 })
  const first = clients.add(fakeSocket(), 'a')
  assert.equal(clients.add(fakeSocket(), 'b'), undefined)
  assert.deepEqual(hits, ['callback_clients'])
  first?.gone()
  assert.equal(clients.add(fakeSocket(), undefined)?.id, 'id-1')
})

test('clear ends all connections, those of displaced clients too', (t) => {
  withTimers(t)
  const { clients } = lab()
  const sockets = [fakeSocket(), fakeSocket()]
  for (const socket of sockets) clients.add(socket, 'same')
  const { ask, ended } = asking(clients, 'same')
  ask()
  clients.clear()
  ask()
  assert.deepEqual(
    [sockets.map(({ closed }) => closed), ended],
    [
      [[1001], [1001]],
      ['gone', 'absent'],
    ],
  )
})
