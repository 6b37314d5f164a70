import assert from 'node:assert/strict'
import { test } from 'node:test'
import { invokingUser } from '../../../src/workloads/from-command.ts'

const PASSWD = 'root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000:Ada:/home/ada:/bin/zsh\n'
const SUDO = { SUDO_UID: '1000', SUDO_GID: '1000', SUDO_USER: 'ada' }

test('who called sudo is found with the home folder of the password file', () => {
  assert.deepEqual(invokingUser(SUDO, PASSWD), { uid: 1000, gid: 1000, name: 'ada', home: '/home/ada' })
})

test('nobody has called sudo, or root has: the command stays as we are', () => {
  assert.equal(invokingUser({}, PASSWD), undefined)
  assert.equal(invokingUser({ SUDO_UID: '0', SUDO_GID: '0', SUDO_USER: 'root' }, PASSWD), undefined)
})

test('a user that only the directory service knows has the name and home sudo gives', () => {
  const env = { SUDO_UID: '5000', SUDO_GID: '5000', SUDO_USER: 'grace', SUDO_HOME: '/net/grace' }
  assert.deepEqual(invokingUser(env, PASSWD), { uid: 5000, gid: 5000, name: 'grace', home: '/net/grace' })
  assert.equal(invokingUser({ ...SUDO, SUDO_UID: '5000' }, PASSWD)?.home, '/')
})

test('variables that are no numbers are not taken for a user', () => {
  for (const wrong of ['', 'ada', '-1', '1.5', '1e3x']) {
    assert.equal(invokingUser({ ...SUDO, SUDO_UID: wrong }, PASSWD), undefined, wrong)
  }
})
