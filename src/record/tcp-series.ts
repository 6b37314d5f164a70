/** What is counted of TCP connections by workload and destination. No I/O. */
import type { ConnectionSummary, Endpoint } from '../flow.ts'
import { labelPairs, labelValue } from './exposition.ts'
import { createSeriesTable, OTHER, type Owner, type Series, type SeriesTable } from './series-table.ts'
import { endpointText } from './text.ts'

/** Why a connection was never established. */
export const FAILURES = [
  'refused',
  'timed_out',
  'unreachable',
  'reset_before_established',
  'aborted',
  'failed_closed',
  'other',
] as const
export type Failure = (typeof FAILURES)[number]

/** One connection that is open now. */
export interface OpenConnection {
  readonly workload?: Pick<Owner, 'name'> & Partial<Pick<Owner, 'namespace' | 'uid'>>
  /** As ConnectionSummary has it, like all that follows. */
  readonly destination: Endpoint
  readonly dialled?: Endpoint
  readonly names?: readonly string[]
  readonly verdict?: ConnectionSummary['verdict']
}

export interface TcpSeries extends Series {
  connects: number
  /** By place in FAILURES; undefined until there is one. */
  failures: number[] | undefined
  sentBytes: number
  receivedBytes: number
  retransmits: number
  /** Moving average, seconds; 0 until there was a measurement. */
  srttSeconds: number
  /** Of connections that were established. */
  durations: number
  durationSeconds: number
  /** Open now; set anew at each scrape. */
  active: number
}

export interface TcpTable extends Pick<SeriesTable<TcpSeries, unknown>, 'all' | 'forget' | 'size'> {
  ended(connection: ConnectionSummary): void
  /** Replaces what is open. */
  open(connections: Iterable<OpenConnection>): void
}

export interface TcpTableOptions {
  readonly bound: number
  readonly onLimit: () => void
  readonly nowMs: () => number
}

/** Of Kubernetes; a node's or a DNS name has at most 253, and the port six more. */
const NAMESPACE_CHARS = 63
const NAME_CHARS = 253
const PLACE_CHARS = 260
/** The weight of a new measurement, as TCP itself smooths round trips (RFC 6298 section 2). */
const SRTT_WEIGHT = 1 / 8

/** As labelValue() has them. */
interface Place {
  readonly destination: string
  readonly dialled: string
}

export const createTcpTable = ({ bound, onLimit, nowMs }: TcpTableOptions): TcpTable => {
  const table = createSeriesTable<TcpSeries, Place>({ bound, onLimit, nowMs, make: emptySeries, labels: labelsOf })
  const find = (connection: OpenConnection): TcpSeries => {
    const place = placeOf(connection)
    return table.find(ownerOf(connection.workload), `${place.destination}\n${place.dialled}`, place)
  }
  return {
    ended(connection) {
      // The agent's own legs are not what the workload asked for.
      if (connection.verdict !== 'own_traffic') count(find(connection), connection)
    },
    open(connections) {
      for (const series of table.all()) series.active = 0
      for (const connection of connections) {
        if (connection.verdict !== 'own_traffic') find(connection).active++
      }
    },
    all: () => table.all(),
    forget: (uid) => table.forget(uid),
    size: () => table.size(),
  }
}

const emptySeries = (labels: string): TcpSeries => ({
  labels,
  lastMs: 0,
  connects: 0,
  failures: undefined,
  sentBytes: 0,
  receivedBytes: 0,
  retransmits: 0,
  srttSeconds: 0,
  durations: 0,
  durationSeconds: 0,
  active: 0,
})

/** Whose series those of a workload are; only of one with a UID, as only such a one is ever said to be gone. */
export const ownerOf = (workload: OpenConnection['workload']): Owner | undefined =>
  workload?.uid === undefined
    ? undefined
    : {
        uid: workload.uid,
        namespace: labelValue(workload.namespace ?? '', NAMESPACE_CHARS),
        name: labelValue(workload.name, NAME_CHARS),
      }

const labelsOf = ({ namespace, name }: Pick<Owner, 'namespace' | 'name'>, place: Place | undefined): string =>
  labelPairs([
    ['namespace', namespace],
    ['pod', name],
    ['destination', place?.destination ?? OTHER],
    ['dialled', place?.dialled ?? ''],
  ])

/** A name says more than the address it stood for, of which there may be many. */
const placeOf = ({ destination, dialled, names, verdict }: OpenConnection): Place => {
  const [name] = names ?? []
  const asked = name === undefined || name === '' ? endpointText(destination) : `${name}:${destination.port}`
  // A redirected connection really went to our listener, which tells nobody anything.
  const isElsewhere =
    dialled !== undefined &&
    verdict !== 'redirected' &&
    (dialled.address !== destination.address || dialled.port !== destination.port)
  return {
    destination: labelValue(asked, PLACE_CHARS),
    dialled: isElsewhere ? labelValue(endpointText(dialled), PLACE_CHARS) : '',
  }
}

const count = (series: TcpSeries, connection: ConnectionSummary): void => {
  series.connects++
  series.sentBytes += sane(connection.bytesSent)
  series.receivedBytes += sane(connection.bytesReceived)
  series.retransmits += sane(connection.retransmits)
  if (!connection.established) {
    series.failures ??= FAILURES.map(() => 0)
    const at = FAILURES.indexOf(failureOf(connection))
    series.failures[at] = (series.failures[at] ?? 0) + 1
    return
  }
  series.durations++
  series.durationSeconds += sane(connection.durationMs) / 1000
  const srtt = sane(connection.srttUs) / 1e6
  if (srtt === 0) return
  const before = series.srttSeconds
  series.srttSeconds = before === 0 ? srtt : before + (srtt - before) * SRTT_WEIGHT
}

const failureOf = ({ verdict, closeReason }: ConnectionSummary): Failure => {
  if (verdict === 'failed_closed') return 'failed_closed'
  switch (closeReason) {
    case 'refused':
    case 'timed_out':
    case 'unreachable':
    case 'aborted':
    case 'other':
      return closeReason
    case 'reset':
      return 'reset_before_established'
    case 'orderly':
      return 'aborted'
  }
}

const sane = (value: number): number => (value > 0 && value < Number.POSITIVE_INFINITY ? value : 0)
