import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { NET } from '../support/lab.ts'
import { stageTest, UNDERSTUDY, WORLD4, WORLD6 } from '../support/stage.ts'

const runTest = stageTest('traffic')

type Line = Readonly<Record<string, unknown>>

const linesOf = (path: string, kind: string): Line[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line['kind'] === kind)

runTest('curl is answered by a mock and by the real server in one run', async (stage, context) => {
  const expectations = stage.mock(context, '/orders/7', 'mocked')
  const script = `curl -sS ${WORLD4}/orders/7; echo; curl -sS ${WORLD4}/catalogue`
  const result = await stage.understudy(['run', '-e', expectations, '--', 'sh', '-c', script])
  assert.deepEqual(
    { code: result.code, stdout: result.stdout, stderr: result.stderr },
    { code: 0, stdout: `mocked\nworld ${NET.app4} at ${NET.world4} 80`, stderr: '' },
  )
})

runTest('IPv6 is mocked and forwarded as IPv4 is', async (stage, context) => {
  const expectations = stage.mock(context, '/orders/7', 'mocked')
  const script = `curl -sS '${WORLD6}/orders/7'; echo; curl -sS '${WORLD6}/catalogue'`
  const result = await stage.understudy(['run', '-e', expectations, '--', 'sh', '-c', script])
  assert.deepEqual([result.code, result.stdout], [0, `mocked\nworld ${NET.app6} at ${NET.world6} 80`])
})

runTest('Python is mocked on an IPv4 address that it writes as IPv6', async (stage, context) => {
  const expectations = stage.mock(context, '/orders/7', 'mocked')
  const record = join(stage.folder(context), 'record.ndjson')
  const script = [
    'import http.client, socket',
    'connection = http.client.HTTPConnection("orders")',
    'connection.sock = socket.socket(socket.AF_INET6)',
    `connection.sock.connect(("::ffff:${NET.world4}", 80))`,
    'connection.request("GET", "/orders/7")',
    'print(connection.getresponse().read().decode(), connection.sock.getpeername()[0])',
  ].join('\n')
  const args = ['run', '-e', expectations, '--record', record, '--', 'python3', '-c', script]
  const result = await stage.understudy(args)
  assert.deepEqual([result.code, result.stdout], [0, `mocked ::ffff:${NET.world4}\n`])
  assert.equal(linesOf(record, 'exchange')[0]?.['originalDestination'], `${NET.world4}:80`)
})

runTest('Node and its fetch are mocked', async (stage, context) => {
  const expectations = stage.mock(context, '/orders/7', 'mocked')
  const script = `fetch('${WORLD4}/orders/7').then((r) => r.text()).then(console.log)`
  const result = await stage.understudy(['run', '-e', expectations, '--', process.execPath, '-e', script])
  assert.deepEqual([result.code, result.stdout], [0, 'mocked\n'])
})

runTest('the record file tells of every call what a reader wants to know', async (stage, context) => {
  const expectations = stage.mock(context, '/orders/7', 'mocked')
  const record = join(stage.folder(context), 'record.ndjson')
  const script = `curl -sS -H 'Host: shop' '${WORLD4}/orders/7?page=2'; curl -sS -X POST -d hello ${WORLD4}/catalogue`
  const started = Date.now()
  await stage.understudy(['run', '-e', expectations, '--record', record, '--', 'sh', '-c', script])
  const [mocked, forwarded] = linesOf(record, 'exchange')
  assert.ok(mocked && forwarded)
  const told = ['process', 'method', 'host', 'path', 'originalDestination', 'resolvedBy', 'decision', 'status'] as const
  assert.deepEqual(
    [mocked, forwarded].map((line) => told.map((field) => line[field])),
    [
      ['curl', 'GET', 'shop', '/orders/7', `${NET.world4}:80`, 'ebpf', 'mock', 200],
      ['curl', 'POST', NET.world4, '/catalogue', `${NET.world4}:80`, 'ebpf', 'forward', 200],
    ],
  )
  for (const line of [mocked, forwarded]) {
    assert.ok(Date.parse(String(line['time'])) >= started && Date.parse(String(line['time'])) <= Date.now())
    assert.equal(typeof line['durationMs'], 'number')
    assert.ok(Number(line['pid']) > 0)
  }
  assert.deepEqual([mocked['query'], mocked['expectation']], ['page=2', 'mocked'])
  assert.equal(forwarded['destination'], `${NET.world4}:80`)
  const connections = linesOf(record, 'connection')
  assert.deepEqual(
    connections.map((line) => [line['process'], line['destination'], line['verdict'], line['cookie']]),
    [mocked, forwarded].map((line) => ['curl', `${NET.world4}:80`, 'redirected', line['clientCookie']]),
  )
})

runTest('each listener queues as many connections as the kernel lets it', async ({ lab, understudy }) => {
  const most = (await lab.run('app', ['sysctl', '-n', 'net.core.somaxconn'])).stdout.trim()
  const env = { UNDERSTUDY_DNS_ENABLED: 'false' } // its listeners need no such queue
  const { stdout } = await understudy(['run', '--', 'ss', '-Hltn', 'sport != :9901'], { env })
  const queues = [...stdout.matchAll(/^LISTEN +\d+ +(\d+) +(\S+):\d+ /gm)].map(([, queue, host]) => [host, queue])
  assert.deepEqual(queues.sort(), [
    ['127.0.0.1', most],
    ['[::1]', most],
  ])
})

runTest('the admin server answers during a run', async (stage) => {
  const ask = (path: string) => `curl -sS --max-time 5 http://127.0.0.1:9901${path}`
  const script = [
    `curl -sS -o /dev/null ${WORLD4}/catalogue`,
    ...['/healthz', '/readyz'].map((path) => ask(path)),
    `${ask('/metrics')} | grep -c '^understudy_'`,
    ask("'/flows?replay=1000&limit=1'"),
  ].join('\n')
  const result = await stage.understudy(['run', '--', 'sh', '-c', script])
  const [health, ready, metrics, flow = ''] = result.stdout.split('\n')
  assert.match(health ?? '', /"ok":true/)
  assert.match(ready ?? '', /"ok":true/)
  assert.ok(Number(metrics) > 10, `${metrics} metrics`)
  assert.deepEqual([JSON.parse(flow)['path'], JSON.parse(flow)['decision']], ['/catalogue', 'forward'])
})

runTest('--summary prints what happened, after what the command printed', async (stage, context) => {
  const expectations = stage.mock(context, '/orders/7', 'mocked')
  const args = ['run', '-e', expectations, '--summary', '--', 'curl', '-sS', `${WORLD4}/orders/7`]
  const result = await stage.understudy(args)
  assert.equal(result.stdout, 'mocked')
  assert.match(result.stderr, /curl.+GET.+\/orders\/7.+mock/s)
})

runTest('a table is printed on a terminal unless it is not wanted', async (stage) => {
  const command = ['--', 'curl', '-sS', `${WORLD4}/catalogue`]
  const [shown, silent] = await Promise.all([
    stage.understudy(['run', ...command], { terminal: true }),
    stage.understudy(['run', '--no-summary', ...command], { terminal: true }),
  ])
  assert.match(shown.stdout, /\/catalogue.+forward/s)
  assert.match(shown.stdout, /ORIGINAL-DST/) // the test's terminal does not know its width
  assert.doesNotMatch(silent.stdout, /forward/)
})

runTest('a command in another network namespace is intercepted there', async (stage, context) => {
  const expectations = stage.mock(context, '/orders/7', 'mocked')
  const script = `curl -sS ${WORLD4}/orders/7; echo; curl -sS ${WORLD4}/catalogue`
  const args = ['run', '--netns', basename(stage.lab.appNetns), '-e', expectations, '--', 'sh', '-c', script]
  const result = await stage.understudy(args, { place: 'world' })
  assert.deepEqual([result.code, result.stdout], [0, `mocked\nworld ${NET.app4} at ${NET.world4} 80`])
})

runTest('two runs at once each get their own mocks', async (stage, context) => {
  const script = `curl -sS ${WORLD4}/who; echo; read line; curl -sS ${WORLD4}/who`
  const runs = ['first', 'second'].map((name) => {
    return stage.start(['run', '-e', stage.mock(context, '/who', name), '--', 'sh', '-c', script])
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
})

runTest(
  'in a run inside a run, what the inner one forwards meets the mocks of the outer one',
  async (stage, context) => {
    const [outer, inner] = [stage.mock(context, '/.*', 'outer'), stage.mock(context, '/inner', 'inner')]
    const script = `curl -sS ${WORLD4}/inner; echo; curl -sS ${WORLD4}/other`
    const nested = ['run', '-e', inner, '--', 'sh', '-c', script]
    const result = await stage.understudy(['run', '-e', outer, '--', UNDERSTUDY, ...nested])
    assert.deepEqual([result.code, result.stdout, result.stderr], [0, 'inner\nouter', ''])
  },
)
