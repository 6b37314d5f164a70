/** Names under `understudy run`: known ones, ones that exist only as expectations, and what happens when we are gone. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startDnsmasq } from '../support/dnsmasq.ts'
import { NET } from '../support/lab.ts'
import { killHard, type Options, type Stage, stageTest } from '../support/stage.ts'

const runTest = stageTest('dns')

type Line = Readonly<Record<string, unknown>>
interface Step {
  readonly strategy: string
  readonly answer: string
  readonly detail: string
}

const exchangesIn = (path: string): Line[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
    .filter(({ kind }) => kind === 'exchange')

const stepsOf = (line: Line | undefined): string[] =>
  ((line?.['trail'] ?? []) as Step[]).map(({ strategy, answer, detail }) => `${strategy} ${answer} ${detail}`)

/** A resolver in the world; the run and its command have its address in their resolv.conf. */
const withResolver = async (
  stage: Stage,
  context: TestContext,
  address: string = NET.world4,
): Promise<{ readonly options: Options; readonly record: string }> => {
  await startDnsmasq(stage.lab, context, {
    place: 'world',
    address,
    hosts: [`${NET.world4} catalogue.test`, `${NET.world6} catalogue.test`],
  })
  const folder = stage.folder(context)
  writeFileSync(join(folder, 'resolv.conf'), `nameserver ${address}\n`)
  writeFileSync(join(folder, 'nsswitch.conf'), 'hosts: files dns\n')
  const before = ['resolv.conf', 'nsswitch.conf'].map((file) => `mount --bind ${join(folder, file)} /etc/${file}`)
  return { options: { before: before.join('\n') }, record: join(folder, 'record.ndjson') }
}

/** Answers `GET /charge` of the host with `mocked`. */
const mockHost = (stage: Stage, context: TestContext, host: string): string => {
  const path = join(stage.folder(context), 'mock.json')
  writeFileSync(
    path,
    JSON.stringify({
      id: 'charge',
      httpRequest: { path: '/charge', headers: { host: [host] } },
      httpResponse: { body: 'mocked' },
    }),
  )
  return path
}

runTest('a service that exists only as an expectation is mocked by its name', async (stage, context) => {
  const { options, record } = await withResolver(stage, context)
  const mock = mockHost(stage, context, 'payments.test')
  const curl = ['curl', '-sS', '-4', 'http://payments.test/charge']
  const result = await stage.understudy(['run', '-e', mock, '--record', record, '--', ...curl], options)
  assert.deepEqual([result.stderr, result.stdout], ['', 'mocked'])
  const [exchange] = exchangesIn(record)
  assert.deepEqual(
    [exchange?.['originalDestination'], exchange?.['resolvedBy'], exchange?.['decision'], exchange?.['mismatch']],
    ['payments.test:80', 'dns', 'mock', undefined],
  )
  const [first] = stepsOf(exchange)
  assert.equal(first, 'ebpf pass an address given out for a name')
})

runTest('the same over IPv6', async (stage, context) => {
  const { options, record } = await withResolver(stage, context)
  const mock = mockHost(stage, context, 'payments.test:8080')
  const curl = ['curl', '-sS', '-6', '-w', ' %{remote_ip}', 'http://payments.test:8080/charge']
  const result = await stage.understudy(['run', '-e', mock, '--record', record, '--', ...curl], options)
  assert.deepEqual([result.stderr, result.stdout], ['', 'mocked 2001:2:0:1::1'])
  assert.equal(exchangesIn(record)[0]?.['originalDestination'], 'payments.test:8080')
})

runTest('what no expectation answers at such a name is told that nobody is there', async (stage, context) => {
  const { options, record } = await withResolver(stage, context)
  const mock = mockHost(stage, context, 'payments.test')
  const curl = ['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', 'http://payments.test/refund']
  const result = await stage.understudy(['run', '-e', mock, '--record', record, '--', ...curl], options)
  assert.equal(result.stdout, '502')
  const [exchange] = exchangesIn(record)
  assert.deepEqual([exchange?.['fault'], exchange?.['destination']], ['upstream_unresolved', 'payments.test:80'])
})

runTest('a name that exists resolves as ever, and is known to the record', async (stage, context) => {
  const { options, record } = await withResolver(stage, context)
  const script = "curl -sS -4 http://catalogue.test/; curl -sS -4 -H 'Host: other.test' http://catalogue.test/"
  const result = await stage.understudy(['run', '--record', record, '--', 'sh', '-c', script], options)
  const served = `world ${NET.app4} at ${NET.world4} 80`
  assert.equal(result.stdout, served + served)
  const [right, wrong] = exchangesIn(record)
  assert.deepEqual(
    [right?.['resolvedBy'], right?.['originalDestination'], right?.['mismatch']],
    ['ebpf', `${NET.world4}:80`, undefined],
  )
  assert.match(String(wrong?.['mismatch']), /other\.test/)
  assert.equal(wrong?.['destination'], `${NET.world4}:80`)
})

runTest('where nothing may leave, expected names are answered without a resolver', async (stage, context) => {
  const { record, options } = await withResolver(stage, context)
  const folder = stage.folder(context)
  writeFileSync(join(folder, 'resolv.conf'), `nameserver ${NET.world6}\n`) // nobody answers there
  const before = `${options.before}\numount /etc/resolv.conf\nmount --bind ${join(folder, 'resolv.conf')} /etc/resolv.conf`
  const mock = mockHost(stage, context, 'payments.test')
  const args = ['run', '--unmatched', 'refuse', '-e', mock, '--record', record]
  const result = await stage.understudy([...args, '--', 'curl', '-sS', 'http://payments.test/charge'], { before })
  assert.deepEqual([result.stderr, result.stdout], ['', 'mocked'])
})

runTest('a resolver on loopback is asked for from inside the namespace', async (stage, context) => {
  await startDnsmasq(stage.lab, context, { place: 'app', address: '127.0.0.53', hosts: [`${NET.world4} stub.test`] })
  const folder = stage.folder(context)
  writeFileSync(join(folder, 'resolv.conf'), 'nameserver 127.0.0.53\n')
  writeFileSync(join(folder, 'nsswitch.conf'), 'hosts: files dns\n')
  const before = ['resolv.conf', 'nsswitch.conf'].map((file) => `mount --bind ${join(folder, file)} /etc/${file}`)
  const mock = mockHost(stage, context, 'payments.test')
  const script = 'curl -sS -4 http://stub.test/; echo; curl -sS http://payments.test/charge'
  const result = await stage.understudy(['run', '-e', mock, '--', 'sh', '-c', script], { before: before.join('\n') })
  assert.equal(result.stdout, `world ${NET.app4} at ${NET.world4} 80\nmocked`)
})

runTest(
  "a name that is forwarded to is asked of the command's resolver, from its namespace",
  async (stage, context) => {
    const { lab } = stage
    await startDnsmasq(lab, context, { place: 'app', address: '127.0.0.53', hosts: [`${NET.world4} inside.test`] })
    const folder = stage.folder(context)
    writeFileSync(join(folder, 'resolv.conf'), 'nameserver 127.0.0.53\n')
    const mock = join(folder, 'forward.json')
    const forward = { host: 'inside.test', port: 80 }
    writeFileSync(mock, JSON.stringify({ httpRequest: { path: '/there' }, httpForward: forward }))
    const before = `mount --bind ${join(folder, 'resolv.conf')} /etc/resolv.conf`
    const args = ['run', '--netns', lab.appNetns, '-e', mock, '--', 'curl', '-sS', `http://${NET.world4}:81/there`]
    const result = await stage.understudy(args, { place: 'world', before })
    assert.deepEqual([result.stderr, result.stdout], ['', `world ${NET.app4} at ${NET.world4} 80`])
  },
)

runTest('once we are killed, the command asks its resolver again', async (stage, context) => {
  const { options } = await withResolver(stage, context)
  const mock = mockHost(stage, context, 'payments.test')
  const script = [
    'curl -sS http://payments.test/charge; echo',
    'read gone',
    'curl -sS -4 http://catalogue.test/; echo',
    'getent ahosts payments.test || echo unknown',
  ].join('\n')
  const run = stage.start(['run', '-e', mock, '--', 'sh', '-c', script], options)
  await run.said('mocked')
  // Until it is dead its sockets take questions that nobody answers.
  await killHard(run)
  run.tell('gone')
  await run.said(`world ${NET.app4} at ${NET.world4} 80`)
  await run.said('unknown')
})

/** Sends `example.test A?` from UDP port 0, which needs a raw socket, to every DNS port of ours that is open. */
const ASK_FROM_PORT_0 = `
import socket, struct
question = struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + b"\\7example\\4test\\0" + struct.pack("!2H", 1, 1)
rows = [line.split() for line in open("/proc/net/udp").readlines()[1:]]
ports = [int(row[1][9:], 16) for row in rows if row[1].startswith("0100007F")]
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
for port in ports:
    raw.sendto(struct.pack("!4H", 0, port, 8 + len(question), 0) + question, ("127.0.0.1", port))
print(len(ports))
`

runTest('a question that cannot be answered, from port 0, harms nobody', async (stage, context) => {
  const { options } = await withResolver(stage, context)
  const mock = mockHost(stage, context, 'payments.test')
  const script = 'python3 -c "$0"; curl -sS http://payments.test/charge'
  const result = await stage.understudy(['run', '-e', mock, '--', 'sh', '-c', script, ASK_FROM_PORT_0], options)
  assert.deepEqual([result.stderr, result.stdout, result.code], ['', '1\nmocked', 0])
})

runTest('with dnsEnabled off, names are left alone', async (stage, context) => {
  const { options, record } = await withResolver(stage, context)
  const mock = mockHost(stage, context, 'payments.test')
  const env = { UNDERSTUDY_DNS_ENABLED: 'false' }
  const script = 'curl -sS -4 http://catalogue.test/; getent ahosts payments.test || echo unknown'
  const args = ['run', '-e', mock, '--record', record, '--', 'sh', '-c', script]
  const result = await stage.understudy(args, { ...options, env })
  assert.equal(result.stdout, `world ${NET.app4} at ${NET.world4} 80unknown\n`)
})

runTest('a name is there as soon as an expectation has been put for it, and gone with it', async (stage, context) => {
  const { options } = await withResolver(stage, context)
  const expectation = { httpRequest: { headers: { host: ['charges.test'] } }, httpResponse: { body: 'charged' } }
  const script = [
    `api() { curl -sS -o /dev/null -X PUT "$UNDERSTUDY_CONTROL_URL/mockserver/$1" -d "$2"; }`,
    'curl -s http://charges.test/; echo $?',
    `api expectation '${JSON.stringify(expectation)}'`,
    'curl -sS http://charges.test/; echo',
    'api reset',
    'curl -s http://charges.test/; echo $?',
  ].join('\n')
  const result = await stage.understudy(['run', '--control', '0', '--', 'sh', '-c', script], options)
  assert.deepEqual([result.stderr, result.stdout], ['', '6\ncharged\n6\n'])
})
