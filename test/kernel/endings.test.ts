import assert from 'node:assert/strict'
import type { ConnectionSummary } from '../../src/flow.ts'
import { type ClientSpec, dial, dialAndStay, parseSeen, serveWorld } from '../support/client.ts'
import { fence } from '../support/fence.ts'
import { type Lab, labTest, NET, until } from '../support/lab.ts'
import { type Accepted, httpAnswer, type Plane, type PlaneOptions, startPlane } from '../support/plane.ts'

const kernelTest = labTest('endings')
/** Port 80 is redirected, everything above is not. */
const DIRECT = { excludedPorts: [{ first: 81, last: 65_535 }] } as const
/** What refuseMarked refuses. */
const MARK = 0x77
const REPLY = 300_000
const SENT = 200_000

const start = async (lab: Lab, context: { after(run: () => void): void }, options: PlaneOptions = {}) => {
  const plane = await startPlane(lab, { ...options, policy: { ...DIRECT, source4: NET.app4, source6: NET.app6 } })
  context.after(plane.close)
  return plane
}

/** The one summary of a test that makes one connection; checks that nothing was lost or left. */
const onlySummary = async (plane: Plane): Promise<ConnectionSummary> => {
  await until('a summary', () => plane.summaries().length > 0)
  await plane.emptied()
  const [summary, ...more] = plane.summaries()
  assert.ok(summary)
  assert.deepEqual(more, [])
  const counters = plane.kernel.readCounters()
  assert.equal(counters['events'], 1)
  assert.equal(counters['events_dropped'], 0)
  assert.equal(summary.process.name, 'python3')
  assert.ok(summary.process.pid > 0)
  assert.ok(Math.abs(Date.now() - summary.endedAtMs) < 20_000)
  assert.ok(summary.durationMs >= 0 && summary.durationMs < 20_000)
  return summary
}

/** The rule of a firewall that refuses marked connections to the listener. */
const refuseMarked = (plane: Plane): string =>
  `meta mark ${MARK} tcp dport ${plane.policy.listenPort4} reject with tcp reset`

/** Reads to the end of the stream, then answers with REPLY bytes and closes. */
const readAllThenReply = ({ socket }: Accepted): void => {
  socket.resume()
  socket.removeAllListeners('end')
  socket.once('end', () => socket.end(Buffer.alloc(REPLY)))
}

for (const [family, to, from] of [
  [4, NET.served4, NET.app4],
  [6, NET.served6, NET.app6],
] as const) {
  kernelTest(`a redirected IPv${family} connection ends orderly, counted to the byte`, async (lab, context) => {
    const plane = await start(lab, context, { serve: readAllThenReply })
    const seen = await dial(lab, { family, to: [to, 80], send: SENT, end: 'shutdown' })
    assert.equal(seen.received, REPLY)
    const summary = await onlySummary(plane)
    assert.equal(summary.verdict, 'redirected')
    assert.equal(summary.closeReason, 'orderly')
    assert.equal(summary.established, true)
    assert.deepEqual([summary.bytesSent, summary.bytesReceived], [SENT, REPLY])
    assert.deepEqual(summary.destination, { address: to, port: 80 })
    assert.equal(`${summary.source.address} ${summary.source.port}`, seen.local)
    assert.equal(summary.source.address, from)
    assert.ok(summary.srttUs > 0)
    assert.equal(summary.cookie, plane.accepted[0]?.saved?.clientCookie)
  })

  kernelTest(`a direct IPv${family} connection is observed as well, counted to the byte`, async (lab, context) => {
    const server = await serveWorld(lab, [8080])
    context.after(() => server.kill())
    const plane = await start(lab, context)
    const seen = await dial(lab, { family, to: [to, 8080] })
    const summary = await onlySummary(plane)
    assert.equal(summary.verdict, 'excluded_port')
    assert.equal(summary.closeReason, 'orderly')
    const body = `world ${from} at ${to} 8080`
    assert.deepEqual([summary.bytesSent, summary.bytesReceived], [18, httpAnswer(body).length])
    assert.equal(seen.received, summary.bytesReceived)
    assert.deepEqual(summary.destination, { address: to, port: 8080 })
    assert.equal(summary.source.address, from)
    assert.ok(summary.srttUs > 0)
  })
}

kernelTest('bytes that travel with the SYN are counted once', async (lab, context) => {
  const plane = await start(lab, context, { serve: readAllThenReply })
  await dial(lab, { to: [NET.served4, 80], connect: 'fastopen', send: 700, end: 'shutdown' })
  const summary = await onlySummary(plane)
  assert.deepEqual([summary.bytesSent, summary.bytesReceived], [700, REPLY])
})

interface Ending {
  readonly situation: string
  readonly spec: ClientSpec
  readonly closeReason: ConnectionSummary['closeReason']
  readonly established: boolean
  readonly error?: string
  readonly options?: PlaneOptions
  readonly bytes?: readonly [sent: number, received: number]
  readonly retransmits?: true
}

const ENDINGS: readonly Ending[] = [
  {
    situation: 'a connection that the peer refuses',
    spec: { to: [NET.world4, 8081] },
    closeReason: 'refused',
    established: false,
    error: 'ECONNREFUSED',
  },
  {
    situation: 'an IPv6 connection that the peer refuses',
    spec: { family: 6, to: [NET.world6, 8081] },
    closeReason: 'refused',
    established: false,
    error: 'ECONNREFUSED',
  },
  {
    situation: 'a connection that the peer resets after the request',
    spec: { to: [NET.served4, 80] },
    options: { serve: ({ socket }) => void socket.once('data', () => socket.resetAndDestroy()) },
    closeReason: 'reset',
    established: true,
    error: 'ECONNRESET',
    bytes: [18, 0],
  },
  {
    situation: 'a connection that the peer resets in the middle of its answer',
    spec: { to: [NET.served4, 80], read: 'all' },
    options: {
      serve: ({ socket }) =>
        void socket.once('data', () => socket.write(Buffer.alloc(1000), () => socket.resetAndDestroy())),
    },
    closeReason: 'reset',
    established: true,
    error: 'ECONNRESET',
    bytes: [18, 1000],
  },
  {
    situation: 'a connection that the application aborts',
    spec: { to: [NET.served4, 80], send: 50, read: 'none', end: 'abort' },
    options: { serve: ({ socket }) => void socket.resume() },
    closeReason: 'aborted',
    established: true,
    bytes: [50, 0],
  },
  {
    situation: 'a connection closed before a byte was sent',
    spec: { to: [NET.served4, 80], send: '', read: 'none' },
    options: { serve: ({ socket }) => void socket.resume() },
    closeReason: 'orderly',
    established: true,
    bytes: [0, 0],
  },
  {
    situation: 'a connection to a host that never answers',
    spec: { to: [NET.silent4, 8080], user_timeout_ms: 1500 },
    closeReason: 'timed_out',
    established: false,
    error: 'ETIMEDOUT',
    retransmits: true,
  },
  {
    situation: 'a connection to a host that a router calls unreachable',
    spec: { to: [NET.unreachable4, 8080] },
    closeReason: 'unreachable',
    established: false,
    error: 'EHOSTUNREACH',
    retransmits: true, // the first report is not believed (RFC 1122 4.2.3.9)
  },
  {
    situation: 'an IPv6 connection to a host that a router calls unreachable',
    spec: { family: 6, to: [NET.unreachable6, 8080] },
    closeReason: 'unreachable',
    established: false,
    error: 'ENETUNREACH',
    retransmits: true,
  },
]
for (const { situation, spec, closeReason, established, error, options, bytes, retransmits } of ENDINGS) {
  kernelTest(`${situation} is summed up as ${closeReason}`, async (lab, context) => {
    const plane = await start(lab, context, options)
    const seen = await dial(lab, spec)
    assert.equal(seen.error, error)
    const summary = await onlySummary(plane)
    assert.equal(summary.closeReason, closeReason)
    assert.equal(summary.established, established)
    assert.deepEqual([summary.bytesSent, summary.bytesReceived], bytes ?? [0, 0])
    assert.deepEqual(summary.destination, { address: spec.to[0], port: spec.to[1] })
    assert.equal(summary.retransmits > 0, retransmits ?? false)
    assert.equal(summary.verdict, spec.to[1] === 80 ? 'redirected' : 'excluded_port')
  })
}

kernelTest('a connection given up while it waits for the handshake is summed up as aborted', async (lab, context) => {
  const plane = await start(lab, context)
  const client = lab.start('workload', ['curl', '-s', `http://${NET.silent4}:8080/`])
  await until('the attempt was seen', () => (plane.kernel.readCounters()['excluded_port'] ?? 0) > 0)
  client.kill('SIGTERM')
  await client.finished
  await until('a summary', () => plane.summaries().length > 0)
  const [summary] = plane.summaries()
  assert.equal(summary?.closeReason, 'aborted')
  assert.equal(summary?.established, false)
  assert.equal(summary?.process.name, 'curl')
})

kernelTest('a redirected connection that a firewall refuses leaves nothing in the maps', async (lab, context) => {
  const plane = await start(lab, context)
  await fence(lab, context, 'app', refuseMarked(plane))
  assert.equal((await dial(lab, { to: [NET.served4, 80], mark: MARK })).error, 'ECONNREFUSED')
  const summary = await onlySummary(plane)
  assert.equal(summary.closeReason, 'refused')
  assert.equal(summary.verdict, 'redirected')
  assert.deepEqual(plane.counted(), { redirected: 1 })
})

kernelTest('a socket refused by the listener and then dialled direct leaves no entry', async (lab, context) => {
  const server = await serveWorld(lab, [8080])
  context.after(() => server.kill())
  const plane = await start(lab, context)
  await fence(lab, context, 'app', refuseMarked(plane))
  const client = await dialAndStay(lab, { to: [NET.served4, 80], again: [NET.world4, 8080], mark: MARK })
  assert.deepEqual(plane.counted(), { redirected: 1, excluded_port: 1 })
  assert.equal(plane.kernel.readMapEntries()['in_flight'], 0)
  client.tell('go on')
  const seen = parseSeen((await client.finished).stdout)
  assert.equal(seen.first, 'ECONNREFUSED')
  assert.equal(seen.peer, `${NET.world4} 8080`)
  await until('both are summed up', () => plane.summaries().length === 2)
  assert.deepEqual(
    plane.summaries().map(({ closeReason, verdict }) => [closeReason, verdict]),
    [
      ['refused', 'redirected'],
      ['orderly', 'excluded_port'],
    ],
  )
})

kernelTest('on a lossy network what is sent twice is counted once, and the repetitions apart', async (lab, context) => {
  const server = await serveWorld(lab, [8080])
  context.after(() => server.kill())
  const plane = await start(lab, context)
  await fence(lab, context, 'world', 'tcp dport 8080 ip length > 200 numgen inc mod 4 == 1 drop')
  const seen = await dial(lab, { to: [NET.served4, 8080], send: SENT, end: 'shutdown' })
  const summary = await onlySummary(plane)
  assert.deepEqual([summary.bytesSent, summary.bytesReceived], [SENT, seen.received])
  assert.ok(summary.retransmits > 0)
})

kernelTest('a process that dies leaves no entry of its open connections', async (lab, context) => {
  const plane = await start(lab, context, { serve: ({ socket }) => void socket.resume() })
  const client = await dialAndStay(lab, { to: [NET.served4, 80] })
  await plane.arrivals(1)
  assert.deepEqual([plane.kernel.readMapEntries()['orig_dst'], plane.kernel.readMapEntries()['in_flight']], [1, 0])
  client.kill('SIGKILL')
  await client.finished
  const summary = await onlySummary(plane)
  assert.equal(summary.process.pid, client.pid)
  assert.equal(summary.closeReason, 'orderly')
})

kernelTest('a ring that nobody drains loses summaries, counts them, and harms no connection', async (lab, context) => {
  const plane = await start(lab, context, { kernel: { ringBytes: 4096 } })
  const many = `for i in $(seq 60); do curl -s http://${NET.served4}/ || exit 1; done`
  const result = await lab.run('workload', ['sh', '-c', many])
  assert.equal(result.code, 0)
  assert.equal(result.stdout, 'understudy'.repeat(60))
  await plane.emptied()
  const counters = await until('every end was reported', () => {
    const now = plane.kernel.readCounters()
    return (now['events'] ?? 0) + (now['events_dropped'] ?? 0) === 60 && now
  })
  assert.ok((counters['events_dropped'] ?? 0) > 0)
  assert.equal(plane.summaries().length, counters['events'])
  assert.equal((await dial(lab, { to: [NET.served4, 80] })).answer, 'understudy')
  await until('there is room again', () => plane.summaries().length === (counters['events'] ?? 0) + 1)
})

kernelTest('summaries come in the order of the ends, and a batch takes them all', async (lab, context) => {
  const plane = await start(lab, context)
  for (let i = 0; i < 5; i++) await dial(lab, { to: [NET.served4, 80], send: 'x'.repeat(i + 1) })
  await until('five summaries', () => plane.summaries().length === 5)
  assert.deepEqual(
    plane.summaries().map((summary) => summary.bytesSent),
    [1, 2, 3, 4, 5],
  )
})
