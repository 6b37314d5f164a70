/** What an agent counts and records of the connections of pods, whether they ask to be intercepted or not. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { before, test } from 'node:test'
import { openNetns } from '../../src/kernel/netns.ts'
import { loadShim } from '../../src/kernel/shim.ts'
import { type Family, parseExposition, type Sample } from '../support/exposition.ts'
import { SHIM_PATH, until } from '../support/lab.ts'
import type { AgentProcess } from '../support/mini-node/agent-lab.ts'
import { agentSuite, serveNames, serveSlowly } from '../support/mini-node/agent-suite.ts'
import type { Pod, PodOptions } from '../support/mini-node/interface.ts'
import { NODE_NET } from '../support/mini-node/runtime-config.ts'
import { startPlane } from '../support/plane.ts'

const PREFIX = 'understudy.dev/'
/** Nobody listens there. */
const REFUSED = `${NODE_NET.node4}:9`
const SENT_BYTES = 300_000
const RECEIVED_BYTES = 70_000
/** The least that the setting allows: one pod has four of them. */
const SERIES = 16
const SCANNED_PORTS = 40
/** The program of a pod with a port of its own. */
const APPLICATION = `
  require('node:http').createServer((request, response) => response.end('app ' + request.url))
    .listen(8080, '0.0.0.0', () => console.log('up'))`

type Labels = Readonly<Record<string, string>>
type Line = Readonly<Record<string, unknown>>

const hasAll = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value)

const sum = (samples: readonly Sample[]): number => samples.reduce((total, { value }) => total + value, 0)

/** Has a pod dial one place after the other, and say nothing; it gives up on each after a while. */
const dial = async (pod: Pod, destinations: readonly string[], seconds = 10): Promise<void> => {
  const each = destinations.map((destination) => `nc -w ${seconds} ${destination.replace(':', ' ')} </dev/null`)
  await pod.exec(['sh', '-c', each.join('; ')])
}

agentSuite('observation of pods', (the) => {
  let agent: AgentProcess
  let plain: Pod

  before(async () => {
    plain = await the().createPod({ annotations: {} })
    // It dials all the time, as programs are only measured now and then, the first time when they are attached.
    const busy = await the().createPod({
      annotations: {},
      command: ['sh', '-c', `while :; do nc -w 1 ${REFUSED.replace(':', ' ')} </dev/null; done 2>/dev/null`],
    })
    agent = await the().startAgent()
    await until('the cost of programs was measured', async () => {
      const runs = (await families()).get('understudy_bpf_program_runs_total')?.samples ?? []
      return runs.some(({ labels, value }) => labels['program'] === 'redirect_connect4' && value > 0)
    })
    await busy.remove()
  })

  const families = async (): Promise<Map<string, Family>> => parseExposition(await agent.admin('/metrics'))
  const samples = async (name: string, wanted: Labels): Promise<Sample[]> => {
    const family = (await families()).get(name.replace(/_(bucket|count)$/, ''))
    return (family?.samples ?? []).filter((sample) => sample.name === name && hasAll(sample.labels, wanted))
  }
  const ofPod = ({ namespace, name }: Pod): Labels => ({ namespace, pod: name })
  /** A pod's samples of `understudy_tcp_*`, named without that, and a failure by its reason; without dialled. */
  const counted = async (pod: Pod, destination: string): Promise<Readonly<Record<string, number>>> => {
    const all = [...(await families()).values()].flatMap((family) => family.samples)
    const its = all.filter(({ labels }) => hasAll(labels, { ...ofPod(pod), destination, dialled: '' }))
    return Object.fromEntries(
      its.map(({ name, labels, value }) => [labels['reason'] ?? name.replace('understudy_tcp_', ''), value]),
    )
  }
  const ended = (pod: Pod, destination: string, connects = 1) =>
    until(`${connects} connections to ${destination} are counted`, async () => {
      const values = await counted(pod, destination)
      return values['connects_total'] === connects && values
    })
  const place = (): string => `${NODE_NET.served4}:${the().upstream.port}`
  const ask = (pod: Pod, path: string): Promise<string> => the().get(pod, the().upstream.url + path)
  /** The first so many records of a pod; waits for them. */
  const records = async ({ namespace, name }: Pick<Pod, 'namespace' | 'name'>, count: number): Promise<Line[]> => {
    const query = `replay=1000&limit=${count}&namespace=${namespace}&pod=${name}`
    const lines = (await agent.admin(`/flows?${query}`)).trim().split('\n')
    return lines.map((line): Line => JSON.parse(line))
  }
  const intercepted = async (annotations: Labels = {}, more: Partial<PodOptions> = {}): Promise<Pod> => {
    const all = Object.entries({ intercept: 'true', ...annotations }).map(([key, value]) => [PREFIX + key, value])
    const pod = await the().createPod({ annotations: Object.fromEntries(all), ...more })
    await agent.sees(pod, 'intercepted')
    return pod
  }

  test('a connection of a pod that did not opt in is counted, and nobody is in its path', async () => {
    const hits = the().upstream.hits()
    assert.equal(await ask(plain, '/x'), 'real GET /x')
    assert.equal(the().upstream.hits(), hits + 1)
    const values = await ended(plain, place())
    assert.equal(values['established_total'], 1)
    assert.ok((values['connection_seconds_total'] ?? 0) > 0)
    assert.ok((values['srtt_seconds'] ?? 0) > 0)
    assert.ok((values['sent_bytes_total'] ?? 0) > 'GET /x'.length)
    const [line] = await records(plain, 1)
    const { kind, namespace, pod, verdict, closeReason, destination, established } = line ?? {}
    assert.deepEqual(
      { kind, namespace, pod, verdict, closeReason, destination, established },
      {
        ...{ kind: 'connection', namespace: 'shop', pod: plain.name, verdict: 'not_enrolled' },
        ...{ closeReason: 'orderly', destination: place(), established: true },
      },
    )
  })

  test('payload is counted to the byte, both ways', async (t) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.resume().once('end', () => socket.end(Buffer.alloc(RECEIVED_BYTES)))
    })
    t.after(() => server.close())
    const port = await the().node.listen(server, { host: '0.0.0.0' })
    const command = `head -c ${SENT_BYTES} /dev/zero | nc ${NODE_NET.served4} ${port} | wc -c`
    assert.equal(Number((await plain.exec(['sh', '-c', command])).stdout), RECEIVED_BYTES)
    const values = await ended(plain, `${NODE_NET.served4}:${port}`)
    assert.equal(values['sent_bytes_total'], SENT_BYTES)
    assert.equal(values['received_bytes_total'], RECEIVED_BYTES)
  })

  test('a connection that is never established is a failure with its reason', async () => {
    const command = ['nsenter', `--net=${plain.netnsPath}`, 'sysctl', '-qw']
    const soon = ['net.ipv4.tcp_syn_retries=1', 'net.ipv4.tcp_syn_linear_timeouts=0']
    for (const setting of soon) await the().node.run([...command, setting])
    const fates = [
      ['refused', REFUSED, 10],
      ['unreachable', `${NODE_NET.unreachable4}:80`, 10],
      ['timed_out', `${NODE_NET.silent4}:80`, 10],
      ['aborted', `${NODE_NET.silent4}:81`, 1],
    ] as const
    await Promise.all(fates.map(([, destination, seconds]) => dial(plain, [destination], seconds)))
    for (const [reason, destination] of fates) {
      const { connects_total, established_total, [reason]: failures, ...rest } = await ended(plain, destination)
      assert.deepEqual(
        { reason, connects_total, established_total, failures },
        {
          ...{ reason, connects_total: 1, established_total: 0, failures: 1 },
        },
      )
      const others = fates.map(([other]) => other).filter((other) => rest[other] !== undefined)
      assert.deepEqual(others, [], `${reason} is the only reason`)
    }
  })

  test('a connection is active from its start to its end', async (t) => {
    const slow = await serveSlowly(t, the())
    const { host } = new URL(slow.url)
    const active = async (): Promise<number | undefined> => (await counted(plain, host))['connections_active']
    const pending = the().get(plain, slow.url)
    await until('it is active', async () => (await active()) === 1)
    assert.equal((await counted(plain, host))['connects_total'], 0)
    slow.finish()
    assert.equal(await pending, 'begun finished')
    assert.equal((await ended(plain, host))['connections_active'], 0)
  })

  test('where a load balancer on the sockets of the node leads a connection is told beside what was asked', async (t) => {
    const shim = loadShim(SHIM_PATH)
    const netns = openNetns(shim, plain.netnsPath)
    t.after(netns.close)
    const { cgroupRoot, outside } = the().node
    const cgroups = { tree: cgroupRoot, workload: cgroupRoot, listener: outside }
    // Above the pods, as that of a cluster: it leads this pod's connections to a server of its own.
    const balancer = await startPlane({ shim, cgroups, appNetnsFd: netns.fd }, { kernel: { byNetns: true } })
    t.after(balancer.close)
    balancer.kernel.setPolicy(netns.netnsCookie(), balancer.policy)
    assert.equal(await the().get(plain, 'http://10.96.0.10/'), 'understudy', 'the server of the balancer')
    const labels = { ...ofPod(plain), destination: '10.96.0.10:80' }
    const [connects] = await until('it is counted', async () => {
      const found = await samples('understudy_tcp_connects_total', labels)
      return sum(found) === 1 && found
    })
    assert.equal(connects?.labels['dialled'], `127.0.0.1:${balancer.policy.listenPort4}`)
    assert.equal(sum(await samples('understudy_tcp_established_total', labels)), 1)
  })

  test('records of an intercepted pod, exchange and connection, have its name and that which it looked up', async (t) => {
    await serveNames(t, the(), { 'orders.example': NODE_NET.served4 })
    const { port } = the().upstream
    const pod = await intercepted()
    assert.equal(await the().get(pod, `http://orders.example:${port}/named`), 'real GET /named')
    const lines = await records(pod, 2)
    const exchange = lines.find(({ kind }) => kind === 'exchange')
    const connection = lines.find(({ kind }) => kind === 'connection')
    for (const line of [exchange, connection]) {
      assert.deepEqual([line?.['namespace'], line?.['pod']], ['shop', pod.name])
    }
    assert.deepEqual([exchange?.['host'], exchange?.['path']], [`orders.example:${port}`, '/named'])
    assert.equal(exchange?.['originalDestination'], place())
    assert.deepEqual([connection?.['destination'], connection?.['names']], [place(), ['orders.example']])
    assert.equal(connection?.['verdict'], 'redirected')
    assert.equal(exchange?.['clientCookie'], connection?.['cookie'])
    // By name in the metrics, too, and with no word of our listener.
    assert.equal((await ended(pod, `orders.example:${port}`))['established_total'], 1)
    await pod.remove()
  })

  test('series of a pod go with it, and one of the same name that comes later begins anew', async () => {
    const create = () => the().createPod({ name: 'again', annotations: {} })
    const first = await create()
    await dial(first, [REFUSED, REFUSED])
    await ended(first, REFUSED, 2)
    await first.remove()
    await until('there is no word of it', async () => !(await agent.admin('/metrics')).includes('"again"'))
    const second = await create()
    await dial(second, [REFUSED])
    assert.equal((await ended(second, REFUSED))['refused'], 1)
    await second.remove()
  })

  test('HTTP of pods has the metrics of the OpenTelemetry conventions, for what they ask and what they are asked', async () => {
    const command = ['node', '-e', APPLICATION]
    const server = await intercepted({ 'inbound-ports': '8080' }, { image: 'node', command })
    const client = await intercepted({ mode: 'mock' })
    await until('it listens', () => server.log() === 'up\n')
    assert.equal(await the().get(plain, `http://${server.ip}:8080/x`), 'app /x')
    assert.match(await ask(client, '/x'), /404 Not Found/)
    const count = (side: string, pod: Pod) =>
      until(`a request of the ${side}`, async () => {
        const its = { k8s_namespace_name: 'shop', k8s_pod_name: pod.name }
        const [found] = await samples(`http_${side}_request_duration_seconds_count`, its)
        return found
      })
    assert.deepEqual(await count('server', server), {
      name: 'http_server_request_duration_seconds_count',
      labels: {
        ...{ k8s_namespace_name: 'shop', k8s_pod_name: server.name, http_request_method: 'GET' },
        ...{ http_response_status_code: '200', error_type: '', server_address: '', server_port: '8080' },
        ...{ network_protocol_version: '1.1', url_scheme: 'http' },
      },
      value: 1,
    })
    assert.deepEqual(await count('client', client), {
      name: 'http_client_request_duration_seconds_count',
      labels: {
        ...{ k8s_namespace_name: 'shop', k8s_pod_name: client.name, http_request_method: 'GET' },
        ...{ http_response_status_code: '404', error_type: 'no_expectation', server_address: NODE_NET.served4 },
        ...{ server_port: `${the().upstream.port}`, network_protocol_version: '1.1', url_scheme: 'http' },
      },
      value: 1,
    })
    for (const pod of [server, client]) await pod.remove()
  })

  test('connections of pods of the host network are told apart by cgroup, those of static pods too, and left alone', async () => {
    const annotations = { [`${PREFIX}intercept`]: 'true' }
    const host = await the().createPod({ hostNetwork: true, annotations })
    const uid = 'c0ffee00c0ffee00c0ffee00c0ffee01'
    const publishedUid = '5f0e1d2c-0000-4000-8000-000000000018'
    const mirror = { ...annotations, 'kubernetes.io/config.mirror': uid }
    const fixed = await the().createPod({ hostNetwork: true, uid, publishedUid, annotations: mirror })
    await agent.sees(host, 'skipped')
    await agent.sees({ uid: publishedUid }, 'skipped')
    assert.equal(await ask(host, '/x'), 'real GET /x')
    for (const path of ['/x', '/y']) assert.equal(await ask(fixed, path), `real GET ${path}`)
    for (const [pod, connects] of [
      [host, 1],
      [fixed, 2],
    ] as const) {
      assert.equal((await ended(pod, place(), connects))['established_total'], connects)
      const lines = await records(pod, connects)
      assert.ok(lines.every(({ kind, verdict }) => kind === 'connection' && verdict === 'not_enrolled'))
    }
    for (const pod of [host, fixed]) await pod.remove()
  })

  test('nothing that the kernel told was lost', async () => {
    assert.ok(((await agent.metric('understudy_bpf_events_total')) ?? 0) > 0)
    assert.equal(await agent.metric('understudy_bpf_events_dropped_total{cause="ring_full"}'), 0)
  })

  test('pods that dial ever new places share what series there are, and no connection is left out', async () => {
    await agent.stop()
    agent = await the().startAgent({ tcpSeries: SERIES })
    const pods = [plain]
    while (pods.length < 4) pods.push(await the().createPod({ annotations: {} }))
    const ports = Array.from({ length: SCANNED_PORTS }, (_, at) => `${NODE_NET.node4}:${2000 + at}`)
    await Promise.all(pods.map((pod) => dial(pod, ports)))
    await until('all of them are counted', async () => {
      const connects = await samples('understudy_tcp_connects_total', {})
      return sum(connects) === pods.length * SCANNED_PORTS
    })
    const tcp = [...(await families()).values()].filter(({ name }) => name.startsWith('understudy_tcp_'))
    for (const { name, samples } of tcp) {
      assert.ok(samples.length <= SERIES + 2, `${name} has ${samples.length} samples`)
    }
    const refused = await samples('understudy_tcp_connect_failures_total', { reason: 'refused' })
    assert.equal(sum(refused), pods.length * SCANNED_PORTS)
    const own = refused.filter(({ labels }) => labels['destination'] !== '_other')
    assert.ok(own.length > 0 && own.length <= SERIES && own.every(({ value }) => value === 1))
    const shared = refused.filter(({ labels }) => labels['destination'] === '_other')
    assert.equal(sum(shared), pods.length * SCANNED_PORTS - own.length)
    assert.equal(shared.filter(({ labels }) => labels['namespace'] === '_other').length, 1)
    const hits = await agent.metric('understudy_limit_hits_total{limit="tcp_series"}')
    assert.ok((hits ?? 0) >= sum(shared))
  })
})
