import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { listeningInodes, whoListens } from '../../../src/workloads/who-listens.ts'

const TCP = [
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
  '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0',
  '   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 20 4 30 10 -1',
  '   2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0 100 0 0 10 0',
].join('\n')

test('only sockets that listen on the port count, not connections of it', () => {
  assert.deepEqual(listeningInodes(TCP, 8080), ['4242'])
  assert.deepEqual(listeningInodes(TCP, 80), ['4244'])
  assert.deepEqual(listeningInodes(TCP, 443), [])
})

test('the process that listens is named by its program', { skip: process.platform !== 'linux' }, async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  assert.equal(whoListens(port), `node (pid ${process.pid})`)
  await new Promise((resolve) => server.close(resolve))
  assert.equal(whoListens(port), undefined)
})

test('where nothing can be read nobody is named', () => {
  const unreadable = (): string => {
    throw new Error('EACCES')
  }
  assert.equal(whoListens(80, unreadable), undefined)
})
