/**
 * What does a connection cost that the programs leave alone, here one to an excluded port? Its set-up and close, the
 * same with one request and its answer, and the requests of a connection that stays open.
 */
import { NET } from '../test/support/lab.ts'
import { attach, EXCLUDED_PORT, plainListener } from './support/attached.ts'
import { besideDirect, type Case, shortConnections } from './support/beside-direct.ts'
import { startConnectLoop } from './support/connect-loop.ts'
import { type Row, report } from './support/report.ts'
import { openSite } from './support/site.ts'

const CASES: readonly Case[] = [
  ...shortConnections('bypassed'),
  {
    question: 'requests on a bypassed connection that stays open',
    address: NET.served4,
    connections: 8,
    exchanges: 500,
  },
]

const site = openSite('bypass')
try {
  const attached = attach(site, NET.app4)
  const here = plainListener(site, site.lab.appNetns, NET.app4, EXCLUDED_PORT)
  const there = plainListener(site, site.lab.worldNetns, NET.served4, EXCLUDED_PORT)
  const loop = startConnectLoop(site.lab.appNetns, [here, there])
  const rows: Row[] = []
  const beside = {
    name: 'bypass',
    cgroup: site.lab.cgroups.workload,
    port: EXCLUDED_PORT,
    drain: () => attached.kernel.drainEvents(() => {}),
    target: { atLeast: 0.97, atMost: 1.03 },
  }
  for (const one of CASES) rows.push(await besideDirect(site, loop, one, beside))
  loop.close()
  if (attached.kernel.readCounters()['excluded_port'] === 0) throw new Error('nothing was bypassed')
  attached.close()
  report(rows)
} finally {
  site.close()
}
