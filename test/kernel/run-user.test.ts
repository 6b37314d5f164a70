import assert from 'node:assert/strict'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { stageTest, UNDERSTUDY, WORLD4 } from '../support/stage.ts'

const runTest = stageTest('user')

const NOBODY = 65534
const SUDO = { SUDO_UID: `${NOBODY}`, SUDO_GID: `${NOBODY}`, SUDO_USER: 'nobody', HOME: '/root', USER: 'root' }
const WHO = 'id -u; id -g; id -G; echo "$HOME $USER $LOGNAME"'

const homeOfNobody = (): string =>
  readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, , uid]) => uid === `${NOBODY}`)?.[5] ?? '/'

runTest('under sudo the command runs as who called sudo, and is intercepted', async (stage, context) => {
  const folder = stage.folder(context)
  chmodSync(folder, 0o755)
  const record = join(folder, 'record.ndjson')
  const script = `${WHO}; curl -sS ${WORLD4}/orders/7`
  const args = ['run', '-e', stage.mock(context, '/orders/7', 'mocked'), '--record', record, '--', 'sh', '-c', script]
  const { code, stdout } = await stage.understudy(args, { env: SUDO })
  const [uid, gid, groups, names, answer] = stdout.split('\n')
  assert.deepEqual([code, uid, gid, answer], [0, `${NOBODY}`, `${NOBODY}`, 'mocked'])
  assert.deepEqual(new Set(groups?.split(' ')), new Set([`${NOBODY}`]))
  assert.equal(names, `${homeOfNobody()} nobody nobody`)
  const { uid: owner, gid: group, mode } = statSync(record)
  assert.deepEqual([owner, group, mode & 0o777], [NOBODY, NOBODY, 0o600])
})

runTest('the command may not become root again', async ({ understudy }) => {
  const script = 'import os\ntry:\n  os.setuid(0)\nexcept PermissionError:\n  print("refused")'
  const { stdout } = await understudy(['run', '--', 'python3', '-c', script], { env: SUDO })
  assert.equal(stdout, 'refused\n')
})

runTest('--as-root keeps root and its environment', async ({ understudy }) => {
  const { stdout } = await understudy(['run', '--as-root', '--', 'sh', '-c', WHO], {
    env: { ...SUDO, LOGNAME: 'root' },
  })
  const [uid, gid, , names] = stdout.split('\n')
  assert.deepEqual([uid, gid, names], ['0', '0', '/root root root'])
})

runTest('root who calls sudo stays root', async ({ understudy }) => {
  const env = { ...SUDO, SUDO_UID: '0', SUDO_GID: '0', SUDO_USER: 'root' }
  const { stdout } = await understudy(['run', '--', 'id', '-u'], { env })
  assert.equal(stdout, '0\n')
})

runTest('an image without a password file will do', async ({ understudy }) => {
  const before = 'mount -t tmpfs none /mnt; cp -a /etc/. /mnt; rm /mnt/passwd; mount --bind /mnt /etc'
  const { code, stdout, stderr } = await understudy(['run', '--', 'echo', 'ran'], { before })
  assert.deepEqual([code, stdout, stderr], [0, 'ran\n', ''])
})

runTest('without root it says so and what there is instead', async ({ lab }) => {
  const argv = ['setpriv', '--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups', UNDERSTUDY]
  const [run, cleanup] = await Promise.all([
    lab.run('app', [...argv, 'run', '--', 'true']),
    lab.run('app', [...argv, 'cleanup']),
  ])
  assert.deepEqual([run.code, cleanup.code], [3, 3])
  assert.match(run.stderr, /needs root.*NOT_ROOT.*sudo.*understudy serve/s)
  assert.match(cleanup.stderr, /NOT_ROOT/)
})

runTest('the limit on open files is the one understudy was started with, not the raised one', async ({ run }) => {
  const limited = ['sh', '-c', `ulimit -Sn 512; exec "${UNDERSTUDY}" run -- sh -c 'ulimit -Sn; env'`]
  const { stdout } = await run(limited)
  assert.match(stdout, /^512\n/)
  assert.doesNotMatch(stdout, /UNDERSTUDY_OPEN_FILES/)
})
