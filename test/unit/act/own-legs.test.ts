import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { directDial } from '../../../src/act/dial.ts'
import { createOwnLegs } from '../../../src/act/own-legs.ts'
import { tcpUpstream } from '../../support/plane-lab.ts'

test('an upstream connection is known by its source for as long as it is open', async (t) => {
  const server = await tcpUpstream(t, () => undefined)
  const legs = createOwnLegs()
  const socket = await new Promise<Socket | undefined>((resolve) => {
    legs.tracking(directDial)(server.endpoint, {}, (_, made) => resolve(made))
  })
  assert.ok(socket)
  await once(socket, 'connect')
  const source = { address: '127.0.0.1', port: socket.localPort ?? 0 }
  assert.equal(legs.has(source), true)
  assert.equal(legs.has({ ...source, address: '127.0.0.2' }), false)
  assert.equal(legs.has(server.endpoint), false)
  socket.destroy()
  await once(socket, 'close')
  assert.equal(legs.has(source), false)
})
