import assert from 'node:assert/strict'
import { test } from 'node:test'
import { directDial, refusingOwn } from '../../../src/act/dial.ts'
import type { Endpoint } from '../../../src/flow.ts'
import { ownNames } from '../../support/own-names.ts'
import { createWatch, tcpUpstream } from '../../support/plane-lab.ts'

/** A dial to a server that is taken for ourselves, by this name; what became of it. */
const dialOwn = async (t: Parameters<typeof tcpUpstream>[0], name: string) => {
  const upstream = await tcpUpstream(t, () => undefined)
  const { port } = upstream.endpoint
  const watch = createWatch()
  let code: string | undefined
  const isOwn = (endpoint: Endpoint): boolean => endpoint.port === port
  refusingOwn(directDial, isOwn)({ address: name, port }, {}, (_, socket) => {
    socket?.on('error', (error: NodeJS.ErrnoException) => {
      code = error.code ?? error.message
      watch.changed()
    })
  })
  await watch.until('the dial to fail', () => code !== undefined)
  return code
}

for (const name of ['127.0.0.1', '127.1', '2130706433'])
  test(`a connection that turns out to lead to ourselves is broken off (${name})`, async (t) => {
    assert.equal(await dialOwn(t, name), 'ELOOP')
  })

for (const name of ownNames())
  test(`a name of this machine does not lead to ourselves (${name})`, async (t) => {
    // Where the name has an address that the server does not listen on, there is no connection to break off.
    assert.match((await dialOwn(t, name)) ?? '', /^(ELOOP|ECONNREFUSED)$/)
  })
