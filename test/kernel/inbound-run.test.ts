import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NET } from '../support/lab.ts'
import { APP_PORT, application, ask, headerOf, type Line, serve, url } from '../support/served.ts'
import { eventually, killHard, stageTest } from '../support/stage.ts'

const inboundTest = stageTest('inbound-run')
const PORT = APP_PORT

const ADDRESSES = [
  [4, NET.app4, NET.world4],
  [6, NET.app6, NET.world6],
] as const

const MODES = ['tc', 'sk_lookup'] as const

for (const mode of MODES) {
  for (const [family, app, world] of ADDRESSES) {
    inboundTest(`${mode}: an IPv${family} client is answered by the application through us`, async (stage, context) => {
      const run = await serve(stage, context, application('http', '::'), { inbound: { mode } })
      const saw = JSON.parse(await ask(stage, url(app, '/orders/7?page=2'))) as Line
      assert.deepEqual([saw['url'], saw['at'], saw['client']], ['/orders/7?page=2', `${app} ${PORT}`, app])
      assert.equal(headerOf(saw, 'host'), url(app).slice(7, -1))
      assert.equal(headerOf(saw, 'x-forwarded-for'), world)
      await run.end()
      const [line, ...more] = run.exchanges()
      assert.ok(line)
      assert.equal(more.length, 0)
      const place = url(app).slice(7, -1)
      assert.deepEqual(
        {
          direction: line['direction'],
          originalDestination: line['originalDestination'],
          resolvedBy: line['resolvedBy'],
          destination: line['destination'],
          originalUrl: line['originalUrl'],
          proxiedUrl: line['proxiedUrl'],
          decision: line['decision'],
          status: line['status'],
        },
        {
          direction: 'inbound',
          originalDestination: place,
          resolvedBy: 'ebpf',
          destination: place,
          originalUrl: url(app, '/orders/7?page=2'),
          proxiedUrl: url(app, '/orders/7?page=2'),
          decision: 'forward',
          status: 200,
        },
      )
      assert.equal(line['requestBytes'], 0)
      assert.ok(Number(line['responseBytes']) > 0 && Number(line['durationMs']) > 0)
      assert.ok(String(line['client']).startsWith(family === 4 ? `${world}:` : `[${world}]:`))
    })

    inboundTest(`${mode}: the application sees the address of an IPv${family} client`, async (stage, context) => {
      const run = await serve(stage, context, application('http', '::'), { inbound: { mode, preserveSource: true } })
      const saw = JSON.parse(await ask(stage, url(app))) as Line
      assert.deepEqual([saw['client'], headerOf(saw, 'x-forwarded-for')], [world, undefined])
      await run.end()
      const { stdout } = await stage.lab.run('app', ['ip', `-${family}`, 'rule', 'show'])
      assert.doesNotMatch(stdout, /fwmark/)
    })
  }
}

for (const mode of MODES) {
  for (const [where, address] of [
    ['on loopback only', '127.0.0.1'],
    ['on the address of its machine only', NET.app4],
    ['on all IPv4 addresses', '0.0.0.0'],
  ] as const) {
    inboundTest(`${mode}: an application that listens ${where} is reached`, async (stage, context) => {
      for (const preserveSource of [false, true]) {
        const run = await serve(stage, context, application('http', address), { inbound: { mode, preserveSource } })
        const saw = JSON.parse(await ask(stage, url(NET.app4))) as Line
        // With its client's own address, a connection that sk_lookup lets through is better not made to the same one.
        const isApart = preserveSource && mode === 'sk_lookup' && address === '0.0.0.0'
        const at = address === '127.0.0.1' || isApart ? '127.0.0.1' : NET.app4
        assert.equal(saw['at'], `${at} ${PORT}`)
        if (preserveSource) assert.equal(saw['client'], NET.world4)
        await run.end()
        const [line] = run.exchanges()
        const [original, destination] = [line?.['originalDestination'], line?.['destination']]
        assert.deepEqual([original, destination], [`${NET.app4}:${PORT}`, `${at}:${PORT}`])
      }
    })
  }

  inboundTest(`${mode}: an application on IPv4 loopback answers an IPv6 client`, async (stage, context) => {
    const run = await serve(stage, context, application('http', '127.0.0.1'), {
      inbound: { mode, preserveSource: true },
    })
    const saw = JSON.parse(await ask(stage, url(NET.app6))) as Line
    assert.equal(saw['at'], `127.0.0.1 ${PORT}`)
    await run.end()
  })

  inboundTest(
    `${mode}: an expectation answers in place of the application, the rest goes to it`,
    async (stage, context) => {
      const expectations = stage.mock(context, '/orders/7', 'mocked')
      const options = { settings: { onUnmatched: 'refuse' }, args: ['-e', expectations] }
      const inbound = { mode, marker: 'amazing-proxy' }
      const run = await serve(stage, context, application('http', '::'), { inbound, ...options })
      assert.equal(await ask(stage, url(NET.app4, '/orders/7')), 'mocked')
      assert.match(await ask(stage, '-i', url(NET.app4, '/other')), /^server: amazing-proxy\r$/im)
      await run.end()
      assert.deepEqual(
        run.exchanges().map((line) => [line['direction'], line['decision'], line['path']]),
        [
          ['inbound', 'mock', '/orders/7'],
          ['inbound', 'forward', '/other'],
        ],
      )
    },
  )

  inboundTest(`${mode}: bodies and kept connections come through whole`, async (stage, context) => {
    const run = await serve(stage, context, application('http', '::'), { inbound: { mode, preserveSource: true } })
    const body = join(stage.folder(context), 'body')
    const bytes = randomBytes(1 << 20)
    writeFileSync(body, bytes)
    const post = ['--data-binary', `@${body}`, '-H', 'content-type: application/octet-stream']
    const targets = ['/1', '/2', '/3'].map((path) => url(NET.app4, path))
    const answers = await ask(stage, ...post, '-w', '\n%{num_connects}\n', ...targets)
    const lines = answers.trim().split('\n')
    const digest = createHash('sha256').update(bytes).digest('hex')
    const seen = [0, 2, 4].map((i) => JSON.parse(lines[i] ?? '') as Line)
    assert.deepEqual(
      seen.map((saw) => [saw['url'], saw['bytes'], saw['digest']]),
      ['/1', '/2', '/3'].map((path) => [path, bytes.length, digest]),
    )
    assert.deepEqual([lines[1], lines[3], lines[5]], ['1', '0', '0'])
    await run.end()
    const recorded = run.exchanges()
    assert.deepEqual(
      recorded.map((line) => [line['requestBytes'], line['cookie']]),
      seen.map(() => [bytes.length, recorded[0]?.['cookie']]),
    )
  })

  inboundTest(`${mode}: opaque bytes and a half-closed end come through`, async (stage, context) => {
    const run = await serve(stage, context, application('echo', '::'), { inbound: { mode } })
    const script = `head -c 300000 /dev/urandom > $0; socat -u OPEN:$0 - | socat -t 10 - TCP:${NET.app4}:${PORT} > $0.got`
    const file = join(stage.folder(context), 'bytes')
    const { code, stderr } = await stage.lab.run('world', ['sh', '-c', script, file])
    assert.equal(code, 0, stderr)
    const sent = readFileSync(file)
    assert.ok(readFileSync(`${file}.got`).equals(Buffer.concat([sent, Buffer.from(`\nbye ${sent.length}`)])))
    await run.end()
    const [line] = run.exchanges()
    assert.deepEqual(
      ['direction', 'protocol', 'decision', 'requestBytes', 'originalUrl'].map((field) => line?.[field]),
      ['inbound', 'opaque', 'relay', sent.length, undefined],
    )
  })

  inboundTest(`${mode}: with understudy killed, clients reach the application itself`, async (stage, context) => {
    const inbound = { mode, preserveSource: true }
    const run = await serve(stage, context, application('http', '::'), { inbound })
    assert.match(await ask(stage, url(NET.app4)), new RegExp(NET.world4))
    await killHard(run.started)
    const saw = JSON.parse(await ask(stage, url(NET.app4))) as Line
    assert.deepEqual([saw['client'], saw['at']], [NET.world4, `${NET.app4} ${PORT}`])
    const { workload } = stage.cgroupOf(run.started.pid)
    writeFileSync(join(workload, 'cgroup.kill'), '1')
    await eventually('its command has ended', () => readFileSync(join(workload, 'cgroup.procs'), 'utf8') === '')
    const { stdout } = await stage.understudy(['cleanup'])
    assert.match(stdout, /removed ip -4 rule fwmark/)
    assert.doesNotMatch((await stage.lab.run('app', ['ip', 'rule', 'show'])).stdout, /fwmark/)
    assert.equal((await stage.lab.run('app', ['sysctl', '-n', 'net.ipv4.tcp_fwmark_accept'])).stdout.trim(), '0')
  })
}
