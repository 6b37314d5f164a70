import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHostRule } from '../../../src/http1/host-names.ts'

test('addresses and localhost are always ours', () => {
  const isOurs = createHostRule([])
  for (const host of ['127.0.0.1', '10.1.2.3:80', '[::1]', '[fd00::1]:80', 'localhost:1', 'LOCALHOST', 'a.localhost']) {
    assert.equal(isOurs(host), true, host)
  }
  for (const host of [
    '',
    'evil.example',
    '127.0.0.1.nip.io',
    '::1',
    '[::1',
    '1.2.3',
    'localhost.evil.example',
    '[a]',
  ]) {
    assert.equal(isOurs(host), false, host)
  }
})

test('a name is ours where it is listed, below a listed one with a dot, or where any will do', () => {
  const isOurs = createHostRule(['Mocks', '.svc.cluster.local'])
  for (const host of ['mocks', 'MOCKS:80', 'a.b.svc.cluster.local']) assert.equal(isOurs(host), true, host)
  for (const host of ['a.mocks', 'svc.cluster.local', 'asvc.cluster.local.']) assert.equal(isOurs(host), false, host)
  assert.equal(createHostRule(['*'])('evil.example'), true)
})
