import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { serveWorld } from '../support/client.ts'
import { ROOT, stageTest, UNDERSTUDY, WORLD4 } from '../support/stage.ts'

const runTest = stageTest('ends')

const CODES: readonly [situation: string, argv: readonly string[], code: number][] = [
  ['success', ['true'], 0],
  ['its own code', ['sh', '-c', 'exit 3'], 3],
  ['its own code where that is one of ours', ['sh', '-c', 'exit 70'], 70],
  ['128 + 15 when SIGTERM ends it', ['sh', '-c', 'kill -TERM $$'], 143],
  ['128 + 9 when it is killed', ['sh', '-c', 'kill -KILL $$'], 137],
  ['127 for a command that is not there', ['no-such-command-at-all'], 127],
  ['126 for a command that cannot be executed', ['/etc/passwd'], 126],
]

runTest('understudy ends as its command does', async ({ understudy }) => {
  const ends = await Promise.all(CODES.map(([, argv]) => understudy(['run', '--', ...argv])))
  assert.deepEqual(
    ends.map(({ code }, at) => [CODES[at]?.[0], code]),
    CODES.map(([situation, , code]) => [situation, code]),
  )
  assert.match(ends[5]?.stderr ?? '', /no-such-command-at-all: command not found/)
})

runTest('every mistake of every input is told at once, with its place', async (stage, context) => {
  const folder = stage.folder(context)
  const [config, expectations] = [join(folder, 'settings.yaml'), join(folder, 'mock.yaml')]
  writeFileSync(config, 'onUnmatched: forward\nlistenPort: many\nadminPrt: 1\n')
  writeFileSync(expectations, '- httpRequest:\n    path: /a\n  httpResponse:\n    statusCode: 1000\n')
  const run = stage.start(['run', '--config', config, '-e', expectations, '--', 'touch', join(folder, 'started')])
  const { code, stderr } = await run.finished
  assert.equal(code, 2)
  assert.match(stderr, /settings\.yaml:2:/)
  assert.match(stderr, /settings\.yaml:3:/)
  assert.match(stderr, /mock\.yaml:4:/)
  assert.doesNotMatch(stderr, /\n {4}at /)
  assert.deepEqual(stage.traces(run.pid), [])
})

runTest('an admin port that somebody chose is not moved: where it is in use, that is told', async (stage, context) => {
  const config = join(stage.folder(context), 'settings.yaml')
  writeFileSync(config, 'adminPort: 15998\n')
  const holder = await serveWorld(stage.lab, [15998], 'app')
  const run = stage.start(['run', '--config', config, '--', 'true'])
  const { code, stderr } = await run.finished
  holder.kill()
  assert.equal(code, 2)
  assert.match(stderr, /15998.*PORT_IN_USE/)
  assert.deepEqual(stage.traces(run.pid), [])
})

runTest('a port in use is told with whose it is, and nothing stays', async (stage, context) => {
  const config = join(stage.folder(context), 'settings.yaml')
  writeFileSync(config, 'listenPort: 15999\n')
  const holder = await serveWorld(stage.lab, [15999], 'app')
  const run = stage.start(['run', '--config', config, '--', 'true'])
  const { code, stderr } = await run.finished
  holder.kill()
  assert.equal(code, 2)
  assert.match(stderr, new RegExp(`port 15999 is in use by node \\(pid ${holder.pid}\\).*PORT_IN_USE`))
  assert.deepEqual(stage.traces(run.pid), [])
})

runTest('an option that does not exist is named, with where to find those that do', async ({ understudy }) => {
  const [option, noCommand, noDashes, netns] = await Promise.all([
    understudy(['run', '--mock', 'x', '--', 'true']),
    understudy(['run']),
    understudy(['run', 'curl', 'http://orders/7']),
    understudy(['run', '--netns', 'no-such-namespace', '--', 'true']),
  ])
  assert.match(option.stderr, /'--mock'.*BAD_USAGE.*understudy run --help/s)
  assert.match(noCommand.stderr, /no command given.*two dashes/s)
  assert.match(noDashes.stderr, /two dashes/)
  assert.match(netns.stderr, /no-such-namespace.*NETNS_UNREADABLE/)
  assert.deepEqual(
    [option, noCommand, noDashes, netns].map(({ code }) => code),
    [2, 2, 2, 2],
  )
})

/** Understudy with something mounted over a folder that it needs. */
const mountedOver = (script: string, ...args: readonly string[]): string[] => {
  return [
    'unshare',
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-ec',
    `${script}\nexec "$@"`,
    'sh',
    UNDERSTUDY,
    ...args,
  ]
}

runTest('without its build it says what to build', async ({ lab }) => {
  const build = join(ROOT, 'build')
  const bare = `mount -t tmpfs none '${build}'`
  const objects = ['libunderstudy.so', 'understudy.bpf.o', 'inbound.bpf.o']
  const kept = objects.map((name) => `cp '${build}/${name}' /run/`)
  const put = objects.map((name) => `cp '/run/${name}' '${build}/'`)
  const noLauncher = ['mount -t tmpfs none /run', ...kept, bare, ...put].join('\n')
  const [none, some] = await Promise.all([
    lab.run('app', mountedOver(bare, 'run', '--', 'true')),
    lab.run('app', mountedOver(noLauncher, 'run', '--', 'true')),
  ])
  assert.deepEqual([none.code, some.code], [3, 3])
  assert.match(none.stderr, /NOT_BUILT.*make bpf native/s)
  assert.match(some.stderr, /understudy-launch.*NOT_BUILT/)
})

runTest('a folder for its state that cannot be written is named', async ({ lab }) => {
  const readOnly = 'mount -t tmpfs -o ro none /run'
  const result = await lab.run('app', mountedOver(readOnly, 'run', '--', 'true'))
  assert.equal(result.code, 2)
  assert.match(result.stderr, /\/run\/understudy.*EROFS.*FILE_UNWRITABLE/)
})

runTest('without bpffs a run works all the same', async ({ lab }) => {
  const readOnly = 'mount -t tmpfs none /run\nmount -t tmpfs -o ro none /sys/fs/bpf'
  const result = await lab.run('app', mountedOver(readOnly, 'run', '--', 'curl', '-sS', `${WORLD4}/any`))
  assert.deepEqual([result.code, result.stdout.slice(0, 5)], [0, 'world'])
})

runTest('bytes pass through untouched from stdin to stdout', async (stage, context) => {
  const folder = stage.folder(context)
  const script = `
    head -c 3000000 /dev/urandom > in
    cat in | '${UNDERSTUDY}' run -- cat > out
    cmp in out && '${UNDERSTUDY}' run -- cmp - out < in`
  const result = await stage.run(['sh', '-ec', `cd '${folder}'\n${script}`])
  assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', ''])
})

runTest('the command finds itself where it would be without understudy', async (stage, context) => {
  const folder = join(stage.folder(context), 'with spaces')
  mkdirSync(folder)
  // What a program could tell: folder, arguments, environment, umask, ignored and blocked signals, blocking stdio.
  const script = [
    'pwd; umask; printf "<%s>" "$@"; env | grep -v ^_= | sort',
    'grep -E "^Sig(Blk|Ign)|^Shd" /proc/self/status; cat /proc/self/fdinfo/[012] | grep flags; ls /proc/self/fd | wc -l',
  ].join('; ')
  const ask = `cd '${folder}'; umask 027; set -- sh -c '${script}' '' 'a  b' '' '*'; "$@" | cat; echo ===; ${UNDERSTUDY} run -- "$@" | cat`
  const result = await stage.run(['env', '-i', 'PATH=/usr/bin:/bin', 'A=1', 'sh', '-c', ask])
  const [plain, understudied] = result.stdout.split('===\n')
  assert.equal(understudied, plain)
  assert.match(plain ?? '', new RegExp(`${basename(folder)}\n0027\n<a  b><><\\*>`))
})
