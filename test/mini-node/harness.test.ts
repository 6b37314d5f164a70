/** The mini-node itself: what tests on it rely on. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { decode, encode } from 'dns-packet'
import { createApiServer } from '../support/api-server.ts'
import { until } from '../support/lab.ts'
import { hierarchies } from '../support/mini-node/cgroup-trees.ts'
import { connectCri } from '../support/mini-node/cri.ts'
import type { MiniNode, Pod, PodOptions, QosClass } from '../support/mini-node/interface.ts'
import { startMiniNode } from '../support/mini-node/mini-node.ts'
import { type PodStatus, type PublishedPod, publishInto } from '../support/mini-node/published-pod.ts'
import { requireMiniNode } from '../support/mini-node/required.ts'
import { NODE_NET } from '../support/mini-node/runtime-config.ts'

const IDLE = ['sleep', '3600']
const netnsOf = (path: string): string => readlinkSync(path)

const childFolders = (path: string): string[] =>
  readdirSync(path, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
    .sort()

describe('a mini-node', { skip: requireMiniNode() }, () => {
  let node: MiniNode
  let made = 0

  before(async () => {
    node = await startMiniNode()
  })
  after(() => node?.close())

  const pod = (options: Partial<PodOptions> = {}): Promise<Pod> =>
    node.createPod({
      ...{ namespace: 'default', name: `pod-${++made}`, qos: 'burstable', image: 'busybox', command: IDLE },
      ...options,
    })

  const places: readonly (readonly [QosClass, string])[] = [
    ['guaranteed', ''],
    ['burstable', 'burstable'],
    ['besteffort', 'besteffort'],
  ]
  for (const [qos, folder] of places) {
    test(`a ${qos} pod is where a kubelet puts it, in every hierarchy, and has an address of each family`, async () => {
      const { uid, cgroupPath, ips, containerId, containerPid, pausePid, remove } = await pod({ qos })
      assert.equal(cgroupPath, join(node.kubepods, folder, `pod${uid}`))
      const inside = cgroupPath.slice(hierarchies().unified.length)
      for (const [pid, id] of [
        [containerPid(), containerId()],
        [pausePid, undefined],
      ] as const) {
        const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')
        const folders = new Set(lines.map((line) => line.split(':')[2]))
        assert.equal(folders.size, 1, lines.join(' '))
        assert.ok([...folders][0]?.startsWith(`${inside}/${id ?? ''}`), lines.join(' '))
      }
      assert.match(ips[0] ?? '', /^10\.66\.1\.\d+$/)
      assert.match(ips[1] ?? '', /^fd66:1::[0-9a-f]+$/)
      await remove()
      assert.deepEqual(
        [hierarchies().unified, ...hierarchies().v1].filter((mount) =>
          statSync(join(mount, inside), { throwIfNoEntry: false }),
        ),
        [],
      )
    })
  }

  test('two pods reach each other over both families with the programs of real images', async () => {
    const script =
      "require('http').createServer((q, r) => r.end('from ' + process.env.WHO)).listen(8080, '::', () => console.log('up'))"
    const server = await pod({ image: 'node', command: ['node', '-e', script], env: { WHO: 'the server' } })
    await until('the server listens', () => server.log() === 'up\n')
    const client = await pod({ image: 'node', command: IDLE })
    for (const host of [server.ips[0], `[${server.ips[1]}]`]) {
      const url = `http://${host}:8080/`
      const wget = await client.exec(['wget', '-q', '-O', '-', url])
      assert.deepEqual(wget, { stdout: 'from the server', stderr: '', exitCode: 0 })
      const fetched = `fetch('${url}').then((r) => r.text()).then((t) => process.stdout.write(t))`
      assert.deepEqual(await client.exec(['node', '-e', fetched]), wget)
    }
    const refused = await client.exec(['wget', '-q', '-O', '-', `http://${server.ip}:8081/`])
    assert.equal(refused.exitCode, 1)
    assert.match(refused.stderr, /refused/)
  })

  test('pods reach servers of the test that listen in the network of the node', async (context) => {
    const server = createServer((request, response) => response.end(request.socket.remoteAddress))
    context.after(() => server.close())
    const port = await node.listen(server, { host: '0.0.0.0' })
    const client = await pod()
    for (const host of [node.addresses.v4, NODE_NET.served4]) {
      const { stdout } = await client.exec(['wget', '-q', '-O', '-', `http://${host}:${port}/`])
      assert.equal(stdout, client.ip)
    }
  })

  test('pods ask the name server that a test puts in the network of the node', async (context) => {
    const socket = createSocket('udp4')
    context.after(() => socket.close())
    const asked: string[] = []
    socket.on('message', (bytes, { address, port }) => {
      const { id = 0, questions = [] } = decode(bytes)
      asked.push(`${questions[0]?.name} from ${address}`)
      const answers = questions.flatMap(({ name, type }) =>
        type === 'A' && name === 'db.shop.svc.cluster.local'
          ? [{ name, type, ttl: 5, data: '10.88.7.7' } as const]
          : [],
      )
      socket.send(encode({ type: 'response', id, questions, answers }), port, address)
    })
    assert.equal(await node.bind(socket, { host: NODE_NET.dns4, port: 53 }), 53)
    const client = await pod({ namespace: 'shop' })
    const { stdout } = await client.exec(['nslookup', '-type=a', 'db.shop.svc.cluster.local'])
    assert.match(stdout, /Address: 10\.88\.7\.7/)
    assert.deepEqual(asked, [`db.shop.svc.cluster.local from ${client.ip}`])
    const { stdout: resolvConf } = await client.exec(['cat', '/etc/resolv.conf'])
    assert.match(resolvConf, /^search shop\.svc\.cluster\.local svc\.cluster\.local cluster\.local$/m)
  })

  test('containers of a pod share its network, which is there before any of them', async () => {
    let early: unknown
    const sidecars = [{ name: 'second', image: 'busybox', command: IDLE }] as const
    const both = await pod({
      sidecars,
      beforeContainers: (one) => {
        early = { ips: one.ips, netns: netnsOf(one.netnsPath), folders: childFolders(one.cgroupPath) }
      },
    })
    const netns = netnsOf(both.netnsPath)
    assert.deepEqual(early, { ips: both.ips, netns, folders: [both.sandboxId] })
    for (const name of ['main', 'second']) assert.equal(netnsOf(`/proc/${both.containerPid(name)}/ns/net`), netns)
    assert.notEqual(both.containerId('second'), both.containerId())
    const ids = [both.sandboxId, both.containerId(), both.containerId('second')]
    assert.deepEqual(childFolders(both.cgroupPath), ids.sort())
  })

  test('a restarted container is a new process in the same network namespace', async () => {
    const { containerId, containerPid, restartContainer, netnsPath, ...same } = await pod()
    const old = { id: containerId(), pid: containerPid(), netns: netnsOf(netnsPath) }
    await restartContainer()
    assert.notEqual(containerId(), old.id)
    assert.notEqual(containerPid(), old.pid)
    assert.equal(netnsOf(`/proc/${containerPid()}/ns/net`), old.netns)
    assert.equal(statSync(`/proc/${old.pid}`, { throwIfNoEntry: false }), undefined)
    assert.ok(same.cgroupPath.endsWith(same.uid))
  })

  test('a recreated sandbox is a new network namespace under the same UID and cgroup', async () => {
    const again = await pod()
    const old = { id: again.sandboxId, netns: netnsOf(again.netnsPath), path: again.runtimeNetnsPath }
    await again.recreateSandbox()
    assert.notEqual(again.sandboxId, old.id)
    assert.notEqual(netnsOf(again.netnsPath), old.netns)
    assert.notEqual(again.runtimeNetnsPath, old.path)
    const cri = connectCri(node.criSocket)
    const sandboxes = await cri.listPodSandbox().finally(cri.close)
    assert.deepEqual(
      sandboxes.filter(({ uid }) => uid === again.uid),
      [{ id: again.sandboxId, uid: again.uid, state: 'SANDBOX_READY' }],
    )
    assert.deepEqual(childFolders(again.cgroupPath), [again.sandboxId, again.containerId()].sort())
    assert.equal((await again.exec(['wget', '-q', '-O', '-', 'http://127.0.0.1:1/'])).exitCode, 1)
  })

  test('a pod of the host network shares the network of the node, and nothing of a pod is seen on the machine', async () => {
    const host = await pod({ hostNetwork: true })
    const own = await pod()
    assert.equal(netnsOf(`/proc/${host.containerPid()}/ns/net`), netnsOf(node.netnsPath))
    assert.equal(host.runtimeNetnsPath, '')
    assert.deepEqual(host.ips, [node.addresses.v4, node.addresses.v6])
    assert.notEqual(netnsOf(own.netnsPath), netnsOf(node.netnsPath))
    const { stdout } = await node.run(['ip', '-o', 'link', 'show', 'type', 'veth'])
    const veths = [...stdout.matchAll(/(veth[0-9a-f]+)@/g)].map(([, name]) => name ?? '')
    assert.ok(veths.length > 0)
    const outside = new Set(readdirSync('/sys/class/net'))
    assert.deepEqual(
      veths.filter((name) => outside.has(name)),
      [],
    )
  })

  test('a program in the view of the node has its mounts, and processes by the numbers of the machine', async () => {
    const one = await pod()
    const program = ['sh', '-c', `readlink /proc/${one.pausePid}/ns/net; stat -c %F ${one.runtimeNetnsPath}; echo $$`]
    const started = node.start(program, { view: 'node', env: { A: 'b' } })
    const { code, stdout } = await started.finished
    assert.equal(code, 0)
    const [netns, kind, pid] = stdout.split('\n')
    assert.deepEqual([netns, kind, pid], [netnsOf(one.netnsPath), 'regular empty file', String(started.pid)])
  })

  test('who is told of pods hears of their whole life in order, and of what was there before', async () => {
    const heard: string[] = []
    const statuses: PodStatus[] = []
    const pods: PublishedPod[] = []
    const earlier = await pod({ namespace: 'before' })
    await node.publishTo({
      created: (object) => {
        pods.push(object)
        heard.push(`created ${object.metadata.name}`)
      },
      status: (_uid, status) => {
        statuses.push(status)
        heard.push(`${status.phase} ${status.podIPs?.length ?? 0}`)
      },
      deleting: () => void heard.push('deleting'),
      deleted: () => void heard.push('deleted'),
    })
    const position = heard.indexOf(`created ${earlier.name}`)
    assert.deepEqual(heard.slice(position, position + 2), [`created ${earlier.name}`, 'Running 2'])
    heard.length = 0
    const annotations = { 'understudy.dev/intercept': 'true' }
    const told = await pod({ name: 'told', labels: { app: 'a' }, annotations, qos: 'guaranteed' })
    const last = statuses.at(-1)
    assert.equal(last?.containerStatuses?.[0]?.containerID, `containerd://${told.containerId()}`)
    assert.deepEqual([last?.qosClass, last?.podIP], ['Guaranteed', told.ip])
    const object = pods.at(-1)
    assert.deepEqual([object?.metadata.annotations, object?.metadata.labels], [annotations, { app: 'a' }])
    assert.equal(object?.spec.nodeName, node.name)
    await told.restartContainer()
    assert.equal(statuses.at(-1)?.containerStatuses?.[0]?.restartCount, 1)
    await told.remove()
    assert.deepEqual(heard, ['created told', 'Pending 2', 'Running 2', 'Running 2', 'deleting', 'deleted'])
  })

  test('an API server of the tests has the pods as they are, and is reached from the network of the node', async (context) => {
    const api = await createApiServer()
    context.after(api.close)
    await node.publishTo(publishInto(api))
    const listed = await pod({ namespace: 'shop', name: 'listed', labels: { app: 'cart' } })
    const inNode = await node.forward(api.port)
    const path = '/api/v1/namespaces/shop/pods?labelSelector=app%3Dcart'
    const { stdout } = await node.run(['curl', '-sS', `http://127.0.0.1:${inNode}${path}`])
    const { items } = JSON.parse(stdout) as { items: PublishedPod[] }
    assert.deepEqual(
      items.map(({ metadata, status, spec }) => [metadata.uid, status.podIP, status.phase, spec.nodeName]),
      [[listed.uid, listed.ip, 'Running', node.name]],
    )
    await listed.remove()
    const left = await fetch(`${api.url}${path}`)
    assert.deepEqual(((await left.json()) as { items: unknown[] }).items, [])
  })

  test('a static pod has the hash of its file in its cgroup, and another UID for who is told', async () => {
    const told: string[] = []
    await node.publishTo({
      created: ({ metadata }) => void told.push(metadata.uid),
      status: (uid) => void told.push(uid),
      deleted: (uid) => void told.push(uid),
    })
    told.length = 0
    const [hash, uid] = ['0123456789abcdef0123456789abcdef', '5f0e1d2c-0000-4000-8000-000000000002']
    const mirrored = await pod({ uid: hash, publishedUid: uid })
    assert.equal(mirrored.cgroupPath, join(node.kubepods, 'burstable', `pod${hash}`))
    await mirrored.remove()
    assert.deepEqual(new Set(told), new Set([uid]))
    await assert.rejects(pod({ uid: '../escaped' }), /cannot be part of a path/)
  })

  test('a pod that cannot start is an error that says why, and leaves no cgroup', async () => {
    const uid = '5f0e1d2c-0000-4000-8000-000000000001'
    await assert.rejects(pod({ uid, command: ['/there/is/none'] }), /StartContainer: .*no such file/)
    assert.equal(statSync(join(node.kubepods, 'burstable', `pod${uid}`), { throwIfNoEntry: false }), undefined)
    assert.equal(
      node.pods.some((one) => one.uid === uid),
      false,
    )
  })
})
