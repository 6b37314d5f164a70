/**
 * What does interception add to setting a connection up? The kernel's part with both ends in C (connect, accept, look
 * up, close), and the one native call by which the proxy learns where an accepted socket was going.
 */
import { acceptedFd } from '../src/intercept/accepted-fd.ts'
import { NET } from '../test/support/lab.ts'
import { type Attached, adopt, attach, plainListener } from './support/attached.ts'
import { startConnectLoop } from './support/connect-loop.ts'
import { note, type Row, report } from './support/report.ts'
import { openSite, type Site } from './support/site.ts'
import { quantile, spreadOf } from './support/statistics.ts'

const ROUNDS = 80
const CONNECTIONS = 1000
const PLAIN_PORT = 15002
const LOOKUPS = 20_000

/** Intercepted and not, in turn, by the same process. */
const kernelPart = async (site: Site, attached: Attached): Promise<Row> => {
  const plain = plainListener(site, site.lab.appNetns, '127.0.0.1', PLAIN_PORT)
  const loop = startConnectLoop(site.lab.appNetns, [attached.listener, plain], attached.pin)
  const common = { connections: CONNECTIONS, exchanges: 0 }
  const intercepted = { ...common, cgroup: site.lab.cgroups.workload, listener: 0, address: NET.served4, port: 80 }
  const direct = { ...common, cgroup: site.outside, listener: 1, address: '127.0.0.1', port: PLAIN_PORT }
  const ratios: number[] = []
  for (let round = -4; round < ROUNDS; round++) {
    const subject = await loop.run({ ...intercepted, resolve: true })
    const reference = await loop.run({ ...direct, resolve: false })
    if (subject.resolved !== CONNECTIONS) throw new Error(`${CONNECTIONS - subject.resolved} look-ups found nothing`)
    attached.kernel.drainEvents(() => {})
    if (round >= 0) ratios.push(subject.ns / reference.ns)
    if (round === 0) note(`setup: ${Math.round(reference.ns / CONNECTIONS)} ns a connection without BPF`)
  }
  loop.close()
  return {
    question: 'set-up of an intercepted connection: connect, accept, look up, close (kernel part)',
    reference: 'connect, accept, close of the same sockets without BPF',
    measured: { kind: 'ratio', spread: spreadOf(ratios) },
    target: { atMost: 1.25 },
  }
}

/** Times `call` one by one; microseconds. */
const timed = (call: () => void, into: number[]): void => {
  const started = process.hrtime.bigint()
  call()
  into.push(Number(process.hrtime.bigint() - started) / 1000)
}

/** Holds one accepted socket whose destination the kernel knows, and looks it up over and over. */
const lookUp = async (site: Site, attached: Attached): Promise<Row[]> => {
  const { shim } = site.lab
  const accepted = Promise.withResolvers<number>()
  const stop = await adopt(attached.listener, (socket) => accepted.resolve(acceptedFd(socket)))
  const client = site.lab.start('workload', ['python3', '-c', HOLD])
  const fd = await accepted.promise
  const { kernel } = attached
  if (kernel.identify(fd).saved?.destination.address !== NET.served4) throw new Error('the destination is not known')
  const identify: number[] = []
  const plain: number[] = []
  for (let i = -2000; i < LOOKUPS; i++) {
    if (i === 0) identify.length = plain.length = 0
    timed(() => kernel.identify(fd), identify)
    timed(() => shim.raw('understudy_abi'), plain)
  }
  client.kill()
  stop()
  const half = quantile(identify, 0.5)
  note(`setup: identify p50 ${half.toFixed(2)} us, p99 ${quantile(identify, 0.99).toFixed(2)} us`)
  const batches = Array.from({ length: 100 }, (_, i) => {
    const of = (all: number[]): number => quantile(all.slice((i * LOOKUPS) / 100, ((i + 1) * LOOKUPS) / 100), 0.5)
    return of(identify) / of(plain)
  })
  return [
    {
      question: 'look-up of one accepted connection from TypeScript, p50',
      reference: 'a limit',
      measured: { kind: 'amount', value: half, unit: 'us' },
      target: { atMost: 10 },
    },
    {
      question: 'look-up of one accepted connection from TypeScript',
      reference: 'a native call that does nothing',
      measured: { kind: 'ratio', spread: spreadOf(batches) },
      target: {},
    },
  ]
}

const HOLD = `import socket, time
s = socket.create_connection(("${NET.served4}", 80))
time.sleep(60)`

const site = openSite('setup')
try {
  const attached = attach(site, NET.app4)
  const rows = [await kernelPart(site, attached), ...(await lookUp(site, attached))]
  attached.close()
  report(rows)
} finally {
  site.close()
}
