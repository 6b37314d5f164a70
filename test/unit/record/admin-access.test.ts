import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccessOptions, createAccess } from '../../../src/record/admin-access.ts'

const statusOf = (
  options: Partial<AccessOptions>,
  headers: { host?: string; authorization?: string },
  isPrivate: boolean,
) => createAccess({ host: '127.0.0.1', names: [], ...options }).refuse(headers, isPrivate)?.status

const isAuthorized = (authorization: string | undefined) => authorization === 'Bearer right'

test('on loopback, without a token set up, everything is open', () => {
  for (const host of ['127.0.0.1', '127.0.0.2', '::1', '::ffff:127.0.0.1']) {
    assert.equal(statusOf({ host }, { host: 'localhost' }, true), undefined, host)
  }
})

test('beyond loopback what is private asks for a token, and without one set up says what to do', () => {
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'fd00::1', '::ffff:10.0.0.1']) {
    assert.equal(statusOf({ host }, { host: '10.0.0.1' }, true), 403, host)
    assert.equal(statusOf({ host }, { host: '10.0.0.1' }, false), undefined, host)
  }
  const refusal = createAccess({ host: '0.0.0.0', names: [] }).refuse({ host: '10.0.0.1' }, true)
  assert.match(refusal?.error ?? '', /adminTokenFile.*adminHost/)
})

test('where a token is set up, it is asked for everywhere', () => {
  for (const host of ['0.0.0.0', '127.0.0.1']) {
    const ask = (authorization: string) => statusOf({ host, isAuthorized }, { host: 'localhost', authorization }, true)
    assert.equal(ask('Bearer right'), undefined)
    assert.equal(ask('Bearer wrong'), 401)
    assert.equal(statusOf({ host, isAuthorized }, { host: 'localhost' }, true), 401)
    assert.equal(statusOf({ host, isAuthorized }, { host: 'localhost' }, false), undefined)
  }
})

test('a name is refused unless it is allowed, with a token too', () => {
  const names = ['understudy', '.svc.cluster.local']
  for (const host of ['understudy:9901', 'Understudy.mocks.svc.cluster.local', '10.0.0.1']) {
    assert.equal(statusOf({ names }, { host }, false), undefined, host)
  }
  for (const host of ['evil.example', 'svc.cluster.local.evil.example', '']) {
    assert.equal(statusOf({ names, isAuthorized }, { host, authorization: 'Bearer right' }, true), 403, host)
  }
  assert.equal(statusOf({ names: ['*'] }, { host: 'evil.example' }, false), undefined)
})
