/**
 * What does a connection cost that the programs leave alone, here one to an excluded port? Its set-up and close, the
 * same with one request and its answer, and the requests of a connection that stays open.
 */
import { NET } from '../test/support/lab.ts'
import { attach, EXCLUDED_PORT, plainListener } from './support/attached.ts'
import { type ConnectLoop, startConnectLoop } from './support/connect-loop.ts'
import { note, type Row, report } from './support/report.ts'
import { openSite, type Site } from './support/site.ts'
import { spreadOf } from './support/statistics.ts'

const ROUNDS = 60

interface Case {
  readonly question: string
  readonly address: string
  readonly connections: number
  readonly exchanges: number
}

const CASES: readonly Case[] = [
  {
    question: 'bypassed connection opened and closed without a byte, over loopback',
    address: NET.app4,
    connections: 1000,
    exchanges: 0,
  },
  {
    question: 'bypassed connection with one request, over loopback',
    address: NET.app4,
    connections: 800,
    exchanges: 1,
  },
  {
    question: 'bypassed connection with one request, to another namespace',
    address: NET.served4,
    connections: 800,
    exchanges: 1,
  },
  {
    question: 'requests on a bypassed connection that stays open',
    address: NET.served4,
    connections: 8,
    exchanges: 500,
  },
]

const measure = async (site: Site, loop: ConnectLoop, one: Case, drain: () => void): Promise<Row> => {
  const { address, connections, exchanges } = one
  const listener = address === NET.app4 ? 0 : 1
  const order = { listener, address, port: EXCLUDED_PORT, connections, exchanges, resolve: false }
  const ratios: number[] = []
  for (let round = -4; round < ROUNDS; round++) {
    const bypassed = await loop.run({ ...order, cgroup: site.lab.cgroups.workload })
    drain()
    const direct = await loop.run({ ...order, cgroup: site.outside })
    if (round >= 0) ratios.push(bypassed.ns / direct.ns)
    if (round === 0) note(`bypass: ${Math.round(direct.ns / connections)} ns a connection, direct`)
  }
  return {
    question: one.question,
    reference: 'the same connection where no program is attached',
    measured: { kind: 'ratio', spread: spreadOf(ratios) },
    target: { atLeast: 0.97, atMost: 1.03 },
  }
}

const site = openSite('bypass')
try {
  const attached = attach(site, NET.app4)
  const here = plainListener(site, site.lab.appNetns, NET.app4, EXCLUDED_PORT)
  const there = plainListener(site, site.lab.worldNetns, NET.served4, EXCLUDED_PORT)
  const loop = startConnectLoop(site.lab.appNetns, [here, there])
  const rows: Row[] = []
  for (const one of CASES) rows.push(await measure(site, loop, one, () => attached.kernel.drainEvents(() => {})))
  loop.close()
  if (attached.kernel.readCounters()['excluded_port'] === 0) throw new Error('nothing was bypassed')
  attached.close()
  report(rows)
} finally {
  site.close()
}
