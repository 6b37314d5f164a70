import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { addForeignRules, rulesIn, runWith, VARIANTS } from '../support/captures.ts'
import { serveWorld } from '../support/client.ts'
import { cgroup2Mount, NET } from '../support/lab.ts'
import { stageTest, UNDERSTUDY, WORLD4, WORLD6 } from '../support/stage.ts'

const runTest = stageTest('capture')

let foreign = ''
runTest('the namespace has rules of others', async ({ lab }) => {
  addForeignRules(lab)
  foreign = rulesIn(lab)
  assert.match(foreign, /table inet foreign/)
})

for (const variant of VARIANTS) {
  const { name, resolvedBy } = variant

  runTest(`${name}: IPv4 and IPv6 are mocked and forwarded, and what was dialled is known`, async (stage, context) => {
    const expectations = stage.mock(context, '/orders/7', 'mocked')
    const { args, options, exchanges } = runWith(stage, context, variant, '-e', expectations)
    const urls = [WORLD4, WORLD6].flatMap((world) => [`${world}/orders/7`, `${world}/catalogue`])
    const script = urls.map((url) => `curl -sS -H 'Host: elsewhere' '${url}' -w ' %{remote_ip}\\n'`).join('\n')
    const { code, stdout, stderr } = await stage.understudy([...args, '--', 'sh', '-c', script], options)
    const six = NET.world6
    const said = [
      `mocked ${NET.world4}`,
      `world ${NET.app4} at ${NET.world4} 80 ${NET.world4}`,
      `mocked ${six}`,
      `world ${NET.app6} at ${six} 80 ${six}`,
    ]
    assert.deepEqual([code, stdout.trimEnd().split('\n'), stderr], [0, said, ''])
    const at = (place: string, decision: string) => ({ place, resolvedBy, decision })
    assert.deepEqual(
      exchanges().map((line) => at(String(line['originalDestination']), String(line['decision']))),
      [`${NET.world4}:80`, `[${six}]:80`].flatMap((place) => {
        return ['mock', 'forward'].map((decision) => ({ place, resolvedBy, decision }))
      }),
    )
    assert.ok(exchanges().every((line) => line['resolvedBy'] === resolvedBy))
    assert.equal(rulesIn(stage.lab), foreign)
  })

  runTest(`${name}: what is excluded, loopback, and whoever else is there are left alone`, async (stage, context) => {
    const config = join(stage.folder(context), 'config.json')
    const excludeCidrs = [`${NET.served4}/32`, '2001:db8:88::99/48']
    writeFileSync(config, JSON.stringify({ excludePorts: ['8081-8082'], excludeCidrs, adminPort: 0 }))
    const servers = await Promise.all([serveWorld(stage.lab, [8081]), serveWorld(stage.lab, [8083], 'app')])
    context.after(() => {
      for (const server of servers) server.kill()
    })
    const { args, options, exchanges } = runWith(stage, context, variant, '-c', config)
    const direct = [
      `${WORLD4}:8081/port`,
      `${WORLD6}:8081/port`,
      `http://${NET.served4}/network`,
      `http://[${NET.served6}]/network`,
      'http://127.0.0.1:8083/loopback',
      'http://[::1]:8083/loopback',
    ]
    const ask = (url: string) => `curl -sS -o /dev/null --max-time 5 -w '%{http_code}\\n' '${url}'`
    const script = [...direct.map(ask), ask(`${WORLD4}/captured`), 'read line'].join('\n')
    const run = stage.start([...args, '--', 'sh', '-c', script], options)
    await run.said('200\n'.repeat(direct.length + 1))
    const other = await stage.lab.run('app', ['curl', '-sS', `${WORLD4}/stranger`])
    assert.equal(other.stdout, `world ${NET.app4} at ${NET.world4} 80`)
    run.tell('end')
    const { code, stderr } = await run.finished
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(
      exchanges().map((line) => line['path']),
      ['/captured'],
    )
  })

  runTest(`${name}: loopback is captured where that is wanted, and our own listener is not`, async (stage, context) => {
    const server = await serveWorld(stage.lab, [8083], 'app')
    context.after(() => server.kill())
    const config = join(stage.folder(context), 'config.json')
    writeFileSync(config, JSON.stringify({ interceptLoopback: true, adminPort: 0 }))
    const { args, options, exchanges } = runWith(stage, context, variant, '-c', config)
    const script = "curl -sS -o /dev/null http://127.0.0.1:8083/four; curl -sS -o /dev/null 'http://[::1]:8083/six'"
    const { code, stderr } = await stage.understudy([...args, '--', 'sh', '-c', script], options)
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(
      exchanges().map((line) => [line['path'], line['originalDestination'], line['resolvedBy'], line['status']]),
      [
        ['/four', '127.0.0.1:8083', resolvedBy, 200],
        ['/six', '[::1]:8083', resolvedBy, 200],
      ],
    )
  })

  runTest(
    `${name}: IPv4 link-local is captured where that is wanted, IPv6 link-local never`,
    async (stage, context) => {
      const config = join(stage.folder(context), 'config.json')
      writeFileSync(config, JSON.stringify({ interceptLinkLocal: true, adminPort: 0 }))
      const { args, options, exchanges } = runWith(stage, context, variant, '-c', config)
      const urls = [`http://${NET.linkLocal4}/four`, `http://[${NET.linkLocal6}%25${NET.device}]/six`]
      const script = urls.map((url) => `curl -sS -o /dev/null -w '%{http_code} ' --max-time 5 '${url}'`).join('\n')
      const { stdout } = await stage.understudy([...args, '--', 'sh', '-c', script], options)
      assert.equal(stdout, '200 200 ')
      assert.deepEqual(
        exchanges().map((line) => [line['path'], line['originalDestination'], line['resolvedBy']]),
        [['/four', `${NET.linkLocal4}:80`, resolvedBy]],
      )
    },
  )

  // With NAT such a connection is lost (docs/capture.md).
  if (variant.mode === 'tproxy') {
    runTest(`${name}: a socket bound to a device goes directly`, async (stage, context) => {
      const { args, options, exchanges } = runWith(stage, context, variant)
      const command = ['curl', '-sS', '--interface', NET.device, `${WORLD4}/bound`]
      const { stdout } = await stage.understudy([...args, '--', ...command], options)
      assert.equal(stdout, `world ${NET.app4} at ${NET.world4} 80`)
      assert.deepEqual(exchanges(), [])
    })
  }

  runTest(`${name}: as many exclusions as a configuration may have are taken`, async (stage, context) => {
    const config = join(stage.folder(context), 'config.json')
    const numbers = Array.from({ length: 256 }, (_, index) => index)
    const excludeCidrs = numbers.map((n) =>
      n % 2 ? `${n === 91 ? 10 : 11}.${n}.0.0/16` : `2001:db8:${n.toString(16)}:ffff:ffff:ffff:ffff:0/112`,
    )
    const excludePorts = numbers.slice(0, 16).map((n) => `${9000 + 2 * n}-${9001 + 2 * n}`)
    writeFileSync(config, JSON.stringify({ excludeCidrs, excludePorts, adminPort: 0 }))
    const { args, options, exchanges } = runWith(stage, context, variant, '-c', config)
    const script = `curl -sS -o /dev/null ${WORLD4}/captured; curl -sS --max-time 1 http://10.91.1.2/left-alone`
    const { stderr } = await stage.understudy([...args, '--', 'sh', '-c', script], options)
    assert.match(stderr, /^curl: \(7\)[^\n]*\n$/)
    assert.deepEqual(
      exchanges().map((line) => line['path']),
      ['/captured'],
    )
  })

  runTest(`${name}: a server that is not there is told as with BPF`, async (stage, context) => {
    const { args, options, exchanges } = runWith(stage, context, variant)
    const script = `curl -sS -o /dev/null -w '%{http_code}' ${WORLD4}:99/nobody`
    const { stdout } = await stage.understudy([...args, '--', 'sh', '-c', script], options)
    assert.equal(stdout, '502')
    assert.deepEqual(
      exchanges().map((line) => [line['originalDestination'], line['fault']]),
      [[`${NET.world4}:99`, 'upstream_refused']],
    )
  })

  runTest(`${name}: a command in another namespace is captured there and nowhere else`, async (stage, context) => {
    const { args, options, exchanges } = runWith(stage, context, variant, '--netns', basename(stage.lab.appNetns))
    const command = ['curl', '-sS', `${WORLD4}/catalogue`]
    const result = await stage.understudy([...args, '--', ...command], { ...options, place: 'world' })
    assert.deepEqual([result.code, result.stdout], [0, `world ${NET.app4} at ${NET.world4} 80`])
    assert.equal(exchanges()[0]?.['resolvedBy'], resolvedBy)
    assert.equal(rulesIn(stage.lab), foreign)
  })

  runTest(`${name}: two runs at once each get their own mocks`, async (stage, context) => {
    const script = `curl -sS ${WORLD4}/who; echo; read line; curl -sS ${WORLD4}/who`
    const runs = ['first', 'second'].map((each) => {
      const { args, options } = runWith(stage, context, variant, '-e', stage.mock(context, '/who', each))
      return stage.start([...args, '--', 'sh', '-c', script], options)
    })
    await Promise.all([runs[0]?.said('first\n'), runs[1]?.said('second\n')])
    for (const run of runs) run.tell('go on')
    const ends = await Promise.all(runs.map((run) => run.finished))
    assert.deepEqual(
      ends.map(({ code, stdout }) => [code, stdout]),
      [
        [0, 'first\nfirst'],
        [0, 'second\nsecond'],
      ],
    )
    assert.equal(rulesIn(stage.lab), foreign)
  })

  runTest(`${name}: in a run inside a run, what the inner one forwards meets the outer one`, async (stage, context) => {
    const [outer, inner] = [stage.mock(context, '/.*', 'outer'), stage.mock(context, '/inner', 'inner')]
    const script = `curl -sS ${WORLD4}/inner; echo; curl -sS ${WORLD4}/other`
    const { args, options } = runWith(stage, context, variant, '-e', outer)
    const nested = [UNDERSTUDY, 'run', '--capture', variant.mode, '-e', inner, '--', 'sh', '-c', script]
    const result = await stage.understudy([...args, '--', ...nested], options)
    assert.deepEqual([result.code, result.stdout, result.stderr], [0, 'inner\nouter', ''])
  })

  runTest(`${name}: in a cgroup namespace the command is found as well`, async (stage, context) => {
    const { args, options, exchanges } = runWith(stage, context, variant)
    const command = [UNDERSTUDY, ...args, '--', 'curl', '-sS', '-o', '/dev/null', `${WORLD4}/catalogue`]
    const before = `umount ${cgroup2Mount()}\nmount -t cgroup2 none ${cgroup2Mount()}\n${options.before ?? ''}\n`
    const inside = [
      'unshare',
      '--mount',
      '--propagation',
      'private',
      '--cgroup',
      'sh',
      '-ec',
      `${before}exec "$@"`,
      'sh',
    ]
    const { code, stderr } = await stage.run([...inside, ...command])
    assert.deepEqual([code, stderr], [0, ''])
    assert.equal(exchanges()[0]?.['resolvedBy'], resolvedBy)
  })
}
