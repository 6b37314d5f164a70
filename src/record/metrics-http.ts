/**
 * HTTP durations of pods under the names, attributes and buckets of the OpenTelemetry semantic conventions, as their
 * translation to Prometheus spells them. Source: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
 */
import type { Exchange, Protocol } from '../flow.ts'
import { familyHead, labelPairs, labelValue } from './exposition.ts'
import { faultOf } from './line.ts'
import { createSeriesTable, OTHER, type Owner, type Series } from './series-table.ts'
import { ownerOf } from './tcp-series.ts'

/** The buckets that the conventions advise, seconds. */
export const HTTP_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

export interface HttpDurations {
  /** Counts it, if it is HTTP of a workload that is known by its UID. */
  observe(exchange: Exchange): void
  forget(uid: string): void
  text(): string
}

export interface HttpDurationsOptions {
  /** Most series of each direction. */
  readonly bound: number
  readonly onLimit: () => void
  readonly nowMs: () => number
}

interface HttpSeries extends Series {
  /** One more than there are buckets. */
  readonly counts: number[]
  sum: number
}

/** As labelValue() has them. */
interface Asked {
  readonly method: string
  readonly status: string
  readonly error: string
  readonly address: string
  readonly port: string
  readonly version: string
  readonly scheme: string
}

interface Side {
  readonly name: string
  readonly help: string
}

const CLIENT: Side = {
  name: 'http_client_request_duration_seconds',
  help: 'How long HTTP requests of pods took.',
}
const SERVER: Side = {
  name: 'http_server_request_duration_seconds',
  help: 'How long HTTP requests to pods took.',
}

/** RFC 9110 and PATCH (RFC 5789), which the conventions have instrumentations know. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])
const VERSIONS: Readonly<Record<Protocol, string>> = {
  'http/1.1': '1.1',
  'http/1.0': '1.0',
  'http/2': '2',
  tls: '',
  opaque: '',
}
const ADDRESS_CHARS = 253
const BOUNDS = [...HTTP_BUCKETS.map(String), '+Inf']

export const createHttpDurations = (options: HttpDurationsOptions): HttpDurations => {
  const sides = { outbound: createSide(CLIENT, options), inbound: createSide(SERVER, options) }
  return {
    observe(exchange) {
      const { direction } = exchange.flow
      if (direction !== 'direct' && exchange.request) sides[direction].observe(exchange)
    },
    forget(uid) {
      sides.outbound.forget(uid)
      sides.inbound.forget(uid)
    },
    text: () => sides.outbound.text() + sides.inbound.text(),
  }
}

const createSide = ({ name, help }: Side, options: HttpDurationsOptions): HttpDurations => {
  const head = familyHead(name, 'histogram', help)
  const table = createSeriesTable<HttpSeries, Asked>({
    ...options,
    labels: labelsOf,
    make: (labels) => ({ labels, lastMs: 0, counts: BOUNDS.map(() => 0), sum: 0 }),
  })
  return {
    observe(exchange) {
      const owner = ownerOf(exchange.flow.workload)
      const { durationMs } = exchange.outcome
      if (!owner || !(durationMs >= 0 && durationMs < Number.POSITIVE_INFINITY)) return
      const seconds = durationMs / 1000
      const asked = askedOf(exchange)
      const { method, status, error, address, port, version, scheme } = asked
      const key = [method, status, error, address, port, version, scheme].join('\n')
      const series = table.find(owner, key, asked)
      const above = HTTP_BUCKETS.findIndex((bound) => seconds <= bound)
      const at = above === -1 ? HTTP_BUCKETS.length : above
      series.counts[at] = (series.counts[at] ?? 0) + 1
      series.sum += seconds
    },
    forget: (uid) => table.forget(uid),
    text() {
      let text = head
      for (const series of table.all()) text += seriesText(name, series)
      return text
    },
  }
}

const seriesText = (name: string, { labels, counts, sum }: HttpSeries): string => {
  let text = ''
  let total = 0
  for (const [at, bound] of BOUNDS.entries()) {
    total += counts[at] ?? 0
    text += `${name}_bucket{${labels},le="${bound}"} ${total}\n`
  }
  return `${text}${name}_sum{${labels}} ${sum}\n${name}_count{${labels}} ${total}\n`
}

const askedOf = (exchange: Exchange): Asked => {
  const { request, outcome, protocol, flow } = exchange
  const isInbound = flow.direction === 'inbound'
  const status = outcome.status === undefined ? '' : String(outcome.status)
  const server = isInbound ? inboundServer(exchange) : outboundServer(exchange)
  return {
    method: request && METHODS.has(request.method) ? request.method : '_OTHER',
    status,
    error: faultOf(exchange) ?? (outcome.status !== undefined && isError(outcome.status, isInbound) ? status : ''),
    ...server,
    version: VERSIONS[protocol],
    scheme: request?.isSecure ? 'https' : 'http',
  }
}

/** A 4xx is the client's error and no error of the server (conventions for HTTP spans, "Status"). */
const isError = (status: number, isInbound: boolean): boolean => status >= (isInbound ? 500 : 400)

interface Server {
  readonly address: string
  readonly port: string
}

/** What an inbound Host header says is up to strangers; the conventions leave the address out for that reason. */
const inboundServer = ({ flow, resolution }: Exchange): Server => ({
  address: '',
  port: portText(flow.standsFor ?? resolution.destination?.port),
})

/** The name that the client asked for, or else the address that it was going to. */
const outboundServer = ({ request, resolution }: Exchange): Server => {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(request?.host ?? '') ?? []
  const name = (bracketed ?? plain ?? '').toLowerCase()
  const { destination } = resolution
  const usual = request?.isSecure ? 443 : 80
  return {
    address: labelValue(name === '' ? (destination?.address ?? '') : name, ADDRESS_CHARS),
    port: portText(destination?.port ?? (port === undefined ? usual : Number(port))),
  }
}

const portText = (port: number | undefined): string => (port === undefined ? '' : String(port))

const labelsOf = ({ namespace, name }: Pick<Owner, 'namespace' | 'name'>, asked: Asked | undefined): string =>
  labelPairs([
    ['k8s_namespace_name', namespace],
    ['k8s_pod_name', name],
    ['http_request_method', asked?.method ?? OTHER],
    ['http_response_status_code', asked?.status ?? ''],
    ['error_type', asked?.error ?? ''],
    ['server_address', asked?.address ?? OTHER],
    ['server_port', asked?.port ?? ''],
    ['network_protocol_version', asked?.version ?? ''],
    ['url_scheme', asked?.scheme ?? ''],
  ])
