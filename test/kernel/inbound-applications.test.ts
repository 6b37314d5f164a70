/** Real applications, probes and proxies around inbound interception. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { NET, until } from '../support/lab.ts'
import { APP_PORT, application, ask, headerOf, type Line, serve, url } from '../support/served.ts'
import { type Stage, stageTest } from '../support/stage.ts'

const inboundTest = stageTest('inbound-apps')
const MODES = ['tc', 'sk_lookup'] as const

/** nginx in the foreground, with one server; says `ready` by way of a shell, once it listens. */
const nginx = (stage: Stage, context: TestContext, listen: string, body: string): string[] => {
  const folder = stage.folder(context)
  const conf = [
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;`,
    'events {}',
    'http {',
    ` access_log ${folder}/access.log; client_body_temp_path ${folder}; proxy_temp_path ${folder};`,
    ` fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};`,
    ` server { listen ${listen}; location / { return 200 "${body}"; } }`,
    '}',
  ]
  writeFileSync(join(folder, 'nginx.conf'), conf.join('\n'))
  const listening = `until ss -Hltn 'sport = :${APP_PORT}' | grep -q .; do sleep 0.05; done; echo ready`
  return ['sh', '-c', `(${listening}) & exec nginx -p ${folder} -c ${folder}/nginx.conf`]
}

for (const mode of MODES) {
  for (const version of ['v1', 'v2'] as const) {
    inboundTest(`${mode}: nginx is told of its client in a PROXY header ${version}`, async (stage, context) => {
      const body = '$proxy_protocol_addr $proxy_protocol_server_addr $proxy_protocol_server_port $http_x_forwarded_for'
      const argv = nginx(stage, context, `[::]:${APP_PORT} ipv6only=off proxy_protocol`, body)
      const ports = [{ port: APP_PORT, proxyProtocol: version }]
      const run = await serve(stage, context, argv, { inbound: { mode, ports } })
      const told = (client: string, app: string) => `${client} ${app} ${APP_PORT} ${client}`
      assert.equal(await ask(stage, url(NET.app4)), told(NET.world4, NET.app4))
      assert.equal(await ask(stage, url(NET.app6)), told(NET.world6, NET.app6))
      await run.end()
    })
  }

  inboundTest(`${mode}: a file server in Python serves its files, and logs who asked`, async (stage, context) => {
    const folder = stage.folder(context)
    writeFileSync(join(folder, 'file.txt'), 'a file')
    const argv = ['python3', '-u', '-m', 'http.server', `${APP_PORT}`, '-d', folder]
    const run = await serve(stage, context, argv, { inbound: { mode, preserveSource: true }, says: 'Serving HTTP on' })
    assert.equal(await ask(stage, url(NET.app4, '/file.txt')), 'a file')
    assert.match(await run.end(), new RegExp(`^${NET.world4} - - .*"GET /file.txt HTTP/1.1" 200`, 'm'))
  })

  inboundTest(
    `${mode}: probes that only connect, and those that ask, find the application well`,
    async (stage, context) => {
      const run = await serve(stage, context, application('http', '::'), { inbound: { mode } })
      const tcp = await stage.lab.run('world', ['socat', '-u', 'OPEN:/dev/null', `TCP:${NET.app4}:${APP_PORT}`])
      assert.equal(tcp.code, 0, tcp.stderr)
      const probe = ['-H', 'connection: close', '-A', 'kube-probe/1.31', '-o', '/dev/null', '-w', '%{http_code}']
      assert.equal(await ask(stage, ...probe, url(NET.app4, '/healthz')), '200')
      await run.end()
    },
  )

  inboundTest(
    `${mode}: two ports of one application are told apart, one with an address of its own`,
    async (stage, context) => {
      const script = [
        `${process.execPath} ${application('http').slice(1, 3).join(' ')} 8081 127.0.0.2 &`,
        `exec ${application('http', '0.0.0.0').join(' ')}`,
      ]
      const ports = [{ port: APP_PORT }, { port: 8081, to: '127.0.0.2' }]
      const inbound = { mode, ports, forwarded: 'both' }
      const run = await serve(stage, context, ['sh', '-c', script.join('\n')], { inbound, says: 'ready\nready' })
      const forwarded = ['-H', 'Forwarded: for=192.0.2.60', '-H', 'X-Forwarded-For: 192.0.2.60']
      const first = JSON.parse(await ask(stage, ...forwarded, url(NET.app4))) as Line
      const second = JSON.parse(await ask(stage, url(NET.app4).replace('8080', '8081'))) as Line
      assert.deepEqual([first['at'], second['at']], [`${NET.app4} ${APP_PORT}`, '127.0.0.2 8081'])
      assert.equal(headerOf(first, 'forwarded'), `for=192.0.2.60, for=${NET.world4}`)
      assert.equal(headerOf(first, 'x-forwarded-for'), `192.0.2.60, ${NET.world4}`)
      await run.end()
    },
  )

  inboundTest(`${mode}: an application in another network namespace is intercepted there`, async (stage, context) => {
    const run = await serve(stage, context, application('http', '::'), {
      inbound: { mode, preserveSource: true },
      args: ['--netns', basename(stage.lab.appNetns)],
      place: 'world',
    })
    const saw = JSON.parse(await ask(stage, url(NET.app6))) as Line
    assert.equal(saw['client'], NET.world6)
    await run.end()
    assert.equal(run.exchanges()[0]?.['direction'], 'inbound')
  })
}

inboundTest(
  'tc: a proxy port that is taken, and an interface that is not there, are told of',
  async (stage, context) => {
    const file = join(stage.folder(context), 'settings.json')
    const refused = async (inbound: Line): Promise<string> => {
      writeFileSync(file, JSON.stringify({ inbound: { mode: 'tc', ...inbound } }))
      const { code, stderr } = await stage.understudy(['run', '--config', file, '--', 'true'])
      assert.notEqual(code, 0)
      return stderr
    }
    assert.match(await refused({ interface: 'none0', ports: [{ port: 80 }] }), /none0.*ATTACH_REFUSED/)
    const holder = stage.lab.start('app', ['python3', '-u', '-m', 'http.server', '15100'])
    context.after(() => holder.kill())
    await holder.said('Serving')
    const taken = { ports: [{ port: 80, proxyPort: 15100 }] }
    assert.match(await refused(taken), /port 15100 is in use by python3.*PORT_IN_USE/)
  },
)

inboundTest('HAProxy behind us learns the destination, and the application its answers', async (stage, context) => {
  const { lab } = stage
  const folder = stage.folder(context)
  const proxyCgroup = join(dirname(lab.cgroups.tree), 'haproxy')
  mkdirSync(proxyCgroup)
  const conf = [
    'global',
    'defaults',
    ' mode http',
    ' timeout connect 5s',
    ' timeout client 5s',
    ' timeout server 5s',
    'frontend inbound',
    ' bind 0.0.0.0:15100', // on an IPv6 socket HAProxy does not ask
    ' http-request set-header x-original-dst %[dst]:%[dst_port]',
    ' default_backend application',
    'backend application',
    ` server application 127.0.0.1:${APP_PORT}`,
  ]
  writeFileSync(join(folder, 'haproxy.cfg'), `${conf.join('\n')}\n`)
  const haproxy = lab.start('app', ['haproxy', '-db', '-f', join(folder, 'haproxy.cfg')], proxyCgroup)
  context.after(() => haproxy.kill())
  await until('HAProxy listens', async () => {
    const { stdout } = await lab.run('app', ['ss', '-Hltn', 'sport = :15100'])
    return stdout.includes('15100')
  })
  const inbound = { external: true, proxyCgroup, ports: [{ port: APP_PORT, proxyPort: 15100 }] }
  const run = await serve(stage, context, application('http', '0.0.0.0'), { inbound })
  const saw = JSON.parse(await ask(stage, url(NET.app4))) as Line
  assert.equal(headerOf(saw, 'x-original-dst'), `${NET.app4}:${APP_PORT}`)
  await run.end()
})

for (const mode of MODES) {
  inboundTest(`${mode}: what needs a connection of its own gets one to the application`, async (stage, context) => {
    const inbound = { mode, preserveSource: true }
    const run = await serve(stage, context, application('http', '0.0.0.0'), { inbound })
    const saw = JSON.parse(await ask(stage, '-H', 'expect: 100-continue', '-d', 'body', url(NET.app4))) as Line
    assert.deepEqual([saw['client'], saw['bytes']], [NET.world4, 4])
    await run.end()
  })

  inboundTest(`${mode}: an application that speaks first is heard`, async (stage, context) => {
    const listening = `until ss -Hltn 'sport = :${APP_PORT}' | grep -q .; do sleep 0.05; done; echo ready`
    const script = `(${listening}) & exec socat TCP-LISTEN:${APP_PORT},fork,reuseaddr SYSTEM:'echo 220 hello; cat'`
    const run = await serve(stage, context, ['sh', '-c', script], { inbound: { mode } })
    const client = stage.lab.start('world', ['socat', '-', `TCP:${NET.app4}:${APP_PORT}`])
    await client.said('220 hello')
    client.tell('EHLO us')
    await client.said('EHLO us')
    client.kill()
    await run.end()
    assert.deepEqual(
      run.exchanges().map((line) => [line['direction'], line['protocol'], line['decision']]),
      [['inbound', 'opaque', 'relay']],
    )
  })
}

for (const capture of ['nft', 'tproxy', 'none']) {
  inboundTest(`with capture ${capture} what comes in is intercepted all the same`, async (stage, context) => {
    const options = { inbound: { preserveSource: true }, settings: { capture } }
    const run = await serve(stage, context, application('http', '::'), options)
    const saw = JSON.parse(await ask(stage, url(NET.app4))) as Line
    assert.equal(saw['client'], NET.world4)
    await run.end()
    const [line] = run.exchanges()
    assert.deepEqual([line?.['direction'], line?.['resolvedBy']], ['inbound', 'ebpf'])
    assert.doesNotMatch((await stage.lab.run('app', ['ip', 'rule', 'show'])).stdout, /fwmark/)
  })
}
