/** The text of `understudy_tcp_*`: one sample a family for each pair of workload and destination. Pure but for the port. */
import { type FamilyType, familyHead } from './exposition.ts'
import { FAILURES, type OpenConnection, type TcpSeries, type TcpTable } from './tcp-series.ts'

interface Family {
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  readonly read: (series: TcpSeries) => number
  /** Samples of other series are left out. */
  readonly has?: (series: TcpSeries) => boolean
}

const ACTIVE: Family = {
  name: 'understudy_tcp_connections_active',
  type: 'gauge',
  help: 'Connections of a workload to a destination that are open now.',
  read: (series) => series.active,
}

const FAMILIES: readonly Family[] = [
  {
    name: 'understudy_tcp_connects_total',
    type: 'counter',
    help: 'Connections that a workload opened to a destination, or tried to, and that ended.',
    read: (series) => series.connects,
  },
  {
    name: 'understudy_tcp_sent_bytes_total',
    type: 'counter',
    help: 'Payload that the workload sent on them.',
    read: (series) => series.sentBytes,
  },
  {
    name: 'understudy_tcp_received_bytes_total',
    type: 'counter',
    help: 'Payload that the workload received on them.',
    read: (series) => series.receivedBytes,
  },
  {
    name: 'understudy_tcp_retransmits_total',
    type: 'counter',
    help: 'TCP segments that the workload sent again on them.',
    read: (series) => series.retransmits,
  },
  {
    name: 'understudy_tcp_established_total',
    type: 'counter',
    help: 'Those of them that were established.',
    read: (series) => series.durations,
  },
  {
    name: 'understudy_tcp_connection_seconds_total',
    type: 'counter',
    help: 'How long those that were established lasted, together.',
    read: (series) => series.durationSeconds,
  },
  {
    name: 'understudy_tcp_srtt_seconds',
    type: 'gauge',
    help: 'Smoothed round trip at the end of connections, averaged over the last ones.',
    read: (series) => series.srttSeconds,
    has: (series) => series.srttSeconds > 0,
  },
]

const FAILURES_NAME = 'understudy_tcp_connect_failures_total'
const FAILURES_HEAD = familyHead(FAILURES_NAME, 'counter', 'Connections that were never established, by reason.')

/** @param openConnections called once a text; without it, there is no metric of what is open. */
export const tcpText = (table: TcpTable, openConnections?: () => Iterable<OpenConnection>): string => {
  if (openConnections) table.open(openConnections())
  const all = [...table.all()]
  const families = openConnections ? [...FAMILIES, ACTIVE] : FAMILIES
  return [...families.map((family) => familyText(family, all)), failuresText(all)].join('')
}

const familyText = ({ name, type, help, read, has }: Family, all: readonly TcpSeries[]): string => {
  let text = familyHead(name, type, help)
  for (const series of all) {
    if (!has || has(series)) text += `${name}{${series.labels}} ${read(series)}\n`
  }
  return text
}

const failuresText = (all: readonly TcpSeries[]): string => {
  let text = FAILURES_HEAD
  for (const { labels, failures } of all) {
    if (!failures) continue
    for (const [at, count] of failures.entries()) {
      if (count > 0) text += `${FAILURES_NAME}{${labels},reason="${FAILURES[at]}"} ${count}\n`
    }
  }
  return text
}
