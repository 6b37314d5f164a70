import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CallerRules, createCallers } from '../../../src/control/caller.ts'
import type { RequestHead } from '../../../src/flow.ts'

const headOf = (host: string | undefined, ...headers: string[]): RequestHead => ({
  ...{
    method: 'GET',
    target: '/mockserver/config',
    path: '/mockserver/config',
    query: '',
    httpVersion: '1.1' as const,
  },
  headers,
  ...(host === undefined ? {} : { host }),
})

const statusOf = (rules: Partial<CallerRules>, head: RequestHead, isOpen = false): number =>
  createCallers({ origins: [], hosts: [], isAuthorized: undefined, ...rules }).refuse(head, isOpen)?.status ?? 200

test('addresses, localhost and names that are given may be called by', () => {
  const names = ['127.0.0.1', '127.0.0.1:1080', '[::1]', '[fd00::1]:1080', '10.0.0.9', 'localhost', 'a.LOCALHOST:1']
  for (const host of names) assert.equal(statusOf({}, headOf(host)), 200, host)
  assert.equal(statusOf({}, headOf(undefined)), 200)
  assert.equal(statusOf({ hosts: ['Mocks'] }, headOf('mocks:80')), 200)
  assert.equal(statusOf({ hosts: ['.internal'] }, headOf('a.b.internal')), 200)
  assert.equal(statusOf({ hosts: ['*'] }, headOf('anything.example')), 200)
})

test('other names may not, however near they come', () => {
  const names = [
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'notlocalhost',
    '[::1',
    '1.2.3',
    '[a]',
  ]
  for (const host of names) assert.equal(statusOf({}, headOf(host)), 403, host)
  assert.equal(statusOf({ hosts: ['mocks'] }, headOf('a.mocks')), 403)
  assert.equal(statusOf({ hosts: ['.internal'] }, headOf('internal')), 403)
})

test('a call that no page can send without its origin may be sent to any name', () => {
  const put = { ...headOf('mocks.example:1080'), method: 'PUT' }
  assert.equal(statusOf({}, put), 200)
  assert.equal(statusOf({}, { ...put, headers: ['origin', 'http://mocks.example:1080'] }), 403)
})

test('a probe may come by any name', () => assert.equal(statusOf({}, headOf('mocks.example'), true), 200))

test('an origin is of this machine by its host alone', () => {
  for (const origin of ['http://localhost', 'https://127.8.9.1:3000', 'http://[::1]:1', 'http://x.localhost']) {
    assert.equal(statusOf({}, headOf('localhost', 'Origin', origin)), 200, origin)
  }
  for (const origin of [
    ...['null', '', 'http://evil.example', 'http://localhost@evil.example', 'http://127.0.0.1.evil.example'],
    ...['http://10.0.0.1', 'file://', 'http://localhost/evil', 'ftp://localhost', 'http://[::2]'],
  ]) {
    assert.equal(statusOf({}, headOf('localhost', 'origin', origin)), 403, origin)
  }
})

test('the answer names the origin that may read it, and no other', () => {
  const { originOf } = createCallers({ origins: ['https://UI.example'], hosts: [], isAuthorized: undefined })
  assert.equal(originOf(headOf('x', 'origin', 'https://ui.example')), 'https://ui.example')
  assert.equal(originOf(headOf('x', 'origin', 'https://ui.example.evil')), undefined)
  assert.equal(originOf(headOf('x')), undefined)
})

test('a token is asked for where there is one, but not by probes; host and origin count before it', () => {
  const rules = { isAuthorized: (given: string | undefined) => given === 'Bearer right' }
  assert.equal(statusOf(rules, headOf('localhost')), 401)
  assert.equal(statusOf(rules, headOf('localhost', 'authorization', 'Bearer right')), 200)
  assert.equal(statusOf(rules, headOf('localhost'), true), 200)
  assert.equal(statusOf(rules, headOf('evil.example', 'authorization', 'Bearer right')), 403)
})
