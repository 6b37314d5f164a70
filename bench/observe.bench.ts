/**
 * What does it cost a pod that is not enrolled that the programs of a node see its connections? With the programs of DNS
 * attached, too, as the agent does.
 */
import { NET } from '../test/support/lab.ts'
import { loadNode } from '../test/support/node.ts'
import { plainListener } from './support/attached.ts'
import { besideDirect, shortConnections } from './support/beside-direct.ts'
import { startConnectLoop } from './support/connect-loop.ts'
import { type Row, report } from './support/report.ts'
import { openSite } from './support/site.ts'

const PORT = 8081

const site = openSite('observe')
try {
  const kernel = loadNode(site.lab.shim, { ringBytes: 4 << 20 })
  kernel.startHeartbeat()
  kernel.attachNode({ podsCgroup: site.lab.cgroups.tree, dns: true })
  const here = plainListener(site, site.lab.appNetns, NET.app4, PORT)
  const there = plainListener(site, site.lab.worldNetns, NET.served4, PORT)
  const loop = startConnectLoop(site.lab.appNetns, [here, there])
  const beside = {
    name: 'observe',
    cgroup: site.lab.cgroups.workload,
    port: PORT,
    drain: () => kernel.drainEvents(() => {}),
    target: { atLeast: 0.97, atMost: 1.05 },
  }
  const rows: Row[] = []
  for (const one of shortConnections('observed')) rows.push(await besideDirect(site, loop, one, beside))
  loop.close()
  const { not_enrolled: observed = 0, events = 0, events_dropped: dropped = 0 } = kernel.readCounters()
  if (observed === 0 || dropped > 0 || events < observed) throw new Error('not all was observed')
  kernel.close()
  report(rows)
} finally {
  site.close()
}
