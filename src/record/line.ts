/** What is kept of an exchange and of a connection: flat, bounded, redacted. docs/records.md lists the fields. Pure. */
import type {
  Attempt,
  CloseReason,
  ConnectionSummary,
  Decision,
  Direction,
  Endpoint,
  Exchange,
  Flow,
  Outcome,
  Protocol,
  Resolution,
  Verdict,
  Workload,
} from '../flow.ts'
import { redactHost, redactPath, redactQuery } from './redact.ts'
import { bounded, detached, endpointText } from './text.ts'

const PATH_CHARS = 2048
const HOST_CHARS = 255
const NAME_CHARS = 255
const PROCESS_CHARS = 15
const METHOD_CHARS = 32
const DETAIL_CHARS = 200
/** A trail is as long as the chain of strategies; this only guards against a mistake. */
const TRAIL_STEPS = 16

export type Fault = NonNullable<Outcome['fault']>

/** One strategy asked for the original destination: where to, why not, or what broke. */
export interface TrailStep {
  readonly strategy: string
  readonly answer: Attempt['answer']['kind']
  readonly detail: string
}

/** One exchange. A field that does not apply is undefined, and absent from the JSON. */
export interface ExchangeLine {
  readonly kind: 'exchange'
  /** Start, ISO 8601 in UTC. */
  readonly time: string
  /** `inbound`: somebody called the workload. */
  readonly direction: Direction
  readonly workload: string
  /** Of Kubernetes, or as the settings say. */
  readonly namespace: string | undefined
  /** The name of the workload, where it is a pod. */
  readonly pod: string | undefined
  readonly process: string | undefined
  readonly pid: number | undefined
  readonly protocol: Protocol
  readonly method: string | undefined
  readonly host: string | undefined
  readonly path: string | undefined
  readonly query: string | undefined
  /** SNI. */
  readonly serverName: string | undefined
  readonly client: string
  readonly originalDestination: string | undefined
  readonly resolvedBy: string | undefined
  /** What the client named instead. */
  readonly mismatch: string | undefined
  readonly trail: readonly TrailStep[]
  readonly decision: Decision['kind']
  readonly expectation: string | undefined
  /** Of a request that nothing matched: the expectation that came closest, and what kept it from matching. */
  readonly closest: string | undefined
  /** The address dialled. */
  readonly destination: string | undefined
  /** Inbound HTTP: what was asked for, and what we asked the application for, as URLs. */
  readonly originalUrl: string | undefined
  readonly proxiedUrl: string | undefined
  readonly status: number | undefined
  readonly fault: Fault | undefined
  readonly requestBytes: number
  readonly responseBytes: number
  readonly durationMs: number
  /** Of the accepted socket. */
  readonly cookie: string
  /** Of the workload's socket: the `cookie` of the connection's own line. */
  readonly clientCookie: string | undefined
}

/** One closed connection. */
export interface ConnectionLine {
  readonly kind: 'connection'
  /** End, ISO 8601 in UTC. */
  readonly time: string
  readonly workload: string | undefined
  readonly namespace: string | undefined
  readonly pod: string | undefined
  readonly process: string
  readonly pid: number
  readonly source: string
  readonly destination: string
  /** The names that the workload was given the destination for; the first few of them. */
  readonly names: readonly string[] | undefined
  /** Where the socket really connected to, where that is not the destination. */
  readonly dialled: string | undefined
  readonly verdict: Verdict
  readonly closeReason: CloseReason
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly durationMs: number
  readonly established: boolean
  readonly srttUs: number
  readonly retransmits: number
  readonly cookie: string
}

export type RecordLine = ExchangeLine | ConnectionLine

/** One NDJSON line, with its line feed. */
export const lineText = (line: RecordLine): string => `${JSON.stringify(line)}\n`

/** Why an exchange went wrong; a refusal is one even where its outcome does not repeat the reason. */
export const faultOf = (exchange: Exchange): Fault | undefined =>
  exchange.outcome.fault ?? (exchange.decision.kind === 'refuse' ? exchange.decision.reason : undefined)

interface WorkloadTexts {
  readonly workload: string | undefined
  readonly namespace: string | undefined
  readonly pod: string | undefined
}

interface FlowTexts extends WorkloadTexts {
  readonly workload: string
  readonly process: string | undefined
  readonly client: string
  readonly cookie: string
  readonly clientCookie: string | undefined
}

/** What every exchange of a connection has in common is written once. */
const textsOfFlows = new WeakMap<Flow, FlowTexts>()

const flowTexts = (flow: Flow): FlowTexts => {
  const known = textsOfFlows.get(flow)
  if (known) return known
  const { saved } = flow
  const texts = {
    ...workloadTexts(flow.workload),
    // Whoever calls the workload is on another machine, as far as the kernel knows.
    process: saved && flow.direction !== 'inbound' ? visible(bounded(saved.process.name, PROCESS_CHARS)) : undefined,
    client: endpointText(flow.client),
    cookie: flow.cookie.toString(),
    clientCookie: flow.direction === 'inbound' ? undefined : saved?.clientCookie.toString(),
  }
  textsOfFlows.set(flow, texts)
  return texts
}

const workloadTexts = ({ name, namespace, uid }: Pick<Workload, 'name' | 'namespace' | 'uid'>) => {
  const workload = visible(bounded(name, NAME_CHARS))
  return {
    workload,
    namespace: namespace === undefined ? undefined : visible(bounded(namespace, NAME_CHARS)),
    pod: uid === undefined ? undefined : workload,
  }
}

/** Every key is always set: one object shape keeps this and JSON.stringify fast. */
export const exchangeLine = (exchange: Exchange): ExchangeLine => {
  const { flow, request, resolution, decision, outcome } = exchange
  const ofFlow = flowTexts(flow)
  const decided = decision.kind === 'forward' || decision.kind === 'relay' ? decision.destination : undefined
  const dialled = outcome.dialled ?? decided
  const original = place(resolution.destination)
  // Found, original and dialled are mostly the same endpoint; its text is made once.
  const text = (endpoint: Endpoint | undefined) =>
    isSame(endpoint, resolution.destination) ? original : place(endpoint)
  const isInbound = flow.direction === 'inbound'
  const host = request?.host === undefined ? undefined : hostText(request.host)
  const path = request && kept(redactPath(request.path), PATH_CHARS)
  const query = request?.query ? kept(redactQuery(request.query), PATH_CHARS) : undefined
  const url = (at: string | undefined) => (isInbound ? urlText(at, path, query) : undefined)
  return {
    kind: 'exchange',
    time: isoTime(exchange.startedAtMs),
    direction: flow.direction,
    workload: ofFlow.workload,
    namespace: ofFlow.namespace,
    pod: ofFlow.pod,
    process: ofFlow.process,
    pid: isInbound ? undefined : flow.saved?.process.pid,
    protocol: exchange.protocol,
    method: request && methodText(request.method),
    host,
    path,
    query,
    serverName: nameText(exchange.serverName),
    client: ofFlow.client,
    originalDestination: original,
    resolvedBy: resolution.resolvedBy,
    mismatch: nameText(exchange.mismatch),
    trail: trailSteps(resolution, text),
    decision: decision.kind,
    expectation: expectationOf(decision),
    closest: closestOf(decision),
    destination: text(dialled),
    originalUrl: url(host ?? original),
    proxiedUrl: url(text(dialled)),
    status: outcome.status,
    fault: faultOf(exchange),
    requestBytes: outcome.requestBytes,
    responseBytes: outcome.responseBytes,
    durationMs: rounded(outcome.durationMs),
    cookie: ofFlow.cookie,
    clientCookie: ofFlow.clientCookie,
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Makes a line that is kept another one. */
export const overwrite = (kept: ExchangeLine, from: ExchangeLine): void => {
  const to: Mutable<ExchangeLine> = kept
  to.time = from.time
  to.direction = from.direction
  to.workload = from.workload
  to.namespace = from.namespace
  to.pod = from.pod
  to.process = from.process
  to.pid = from.pid
  to.protocol = from.protocol
  to.method = from.method
  to.host = from.host
  to.path = from.path
  to.query = from.query
  to.serverName = from.serverName
  to.client = from.client
  to.originalDestination = from.originalDestination
  to.resolvedBy = from.resolvedBy
  to.mismatch = from.mismatch
  to.trail = from.trail
  to.decision = from.decision
  to.expectation = from.expectation
  to.closest = from.closest
  to.destination = from.destination
  to.originalUrl = from.originalUrl
  to.proxiedUrl = from.proxiedUrl
  to.status = from.status
  to.fault = from.fault
  to.requestBytes = from.requestBytes
  to.responseBytes = from.responseBytes
  to.durationMs = from.durationMs
  to.cookie = from.cookie
  to.clientCookie = from.clientCookie
}

/** Of an HTTP request in the clear; undefined where a part is missing. */
const urlText = (at: string | undefined, path: string | undefined, query: string | undefined): string | undefined =>
  at === undefined || path === undefined ? undefined : `http://${at}${path}${query === undefined ? '' : `?${query}`}`

const NOBODY: WorkloadTexts = { workload: undefined, namespace: undefined, pod: undefined }

/** Of an address that many names lead to, the first ones will do. */
const NAMES = 8

const namesText = (names: readonly string[] | undefined): readonly string[] | undefined =>
  names === undefined || names.length === 0 ? undefined : names.slice(0, NAMES).map((name) => kept(name, HOST_CHARS))

export const connectionLine = (connection: ConnectionSummary): ConnectionLine => ({
  kind: 'connection',
  time: isoTime(connection.endedAtMs),
  ...(connection.workload ? workloadTexts(connection.workload) : NOBODY),
  process: visible(bounded(connection.process.name, PROCESS_CHARS)),
  pid: connection.process.pid,
  source: endpointText(connection.source),
  destination: endpointText(connection.destination),
  names: namesText(connection.names),
  dialled: isSame(connection.dialled, connection.destination) ? undefined : place(connection.dialled),
  verdict: connection.verdict,
  closeReason: connection.closeReason,
  bytesSent: connection.bytesSent,
  bytesReceived: connection.bytesReceived,
  durationMs: rounded(connection.durationMs),
  established: connection.established,
  srttUs: connection.srttUs,
  retransmits: connection.retransmits,
  cookie: connection.cookie.toString(),
})

type EndpointText = (endpoint: Endpoint | undefined) => string | undefined

/** Requests that led to the same place by the same way share it. */
const stepsOfResolutions = new WeakMap<Resolution, readonly TrailStep[]>()

const trailSteps = (resolution: Resolution, text: EndpointText): readonly TrailStep[] => {
  const known = stepsOfResolutions.get(resolution)
  if (known) return known
  const steps = resolution.trail.slice(0, TRAIL_STEPS).map((attempt) => trailStep(attempt, text))
  stepsOfResolutions.set(resolution, steps)
  return steps
}

const trailStep = ({ strategy, answer }: Attempt, text: EndpointText): TrailStep => ({
  strategy,
  answer: answer.kind,
  detail: detail(answer, text),
})

const detail = (answer: Attempt['answer'], text: EndpointText): string => {
  switch (answer.kind) {
    case 'found':
      return text(answer.destination) ?? ''
    case 'pass':
      return bounded(answer.why, DETAIL_CHARS)
    case 'fault':
      return visible(bounded(answer.error.message, DETAIL_CHARS))
  }
}

const isSame = (a: Endpoint | undefined, b: Endpoint | undefined): boolean =>
  a === b || (a?.address === b?.address && a?.port === b?.port)

const place = (endpoint: Endpoint | undefined): string | undefined =>
  endpoint && kept(endpointText(endpoint), HOST_CHARS)

const nameText = (name: string | undefined): string | undefined =>
  name === undefined ? undefined : kept(redactHost(name), HOST_CHARS)

const expectationOf = (decision: Decision): string | undefined => {
  const id = decision.kind === 'mock' || decision.kind === 'forward' ? decision.expectationId : undefined
  return id === undefined ? undefined : visible(bounded(id, NAME_CHARS))
}

const closestOf = (decision: Decision): string | undefined => {
  const closest = decision.kind === 'forward' || decision.kind === 'refuse' ? decision.closest : undefined
  return closest && `${visible(bounded(closest.expectationId, NAME_CHARS))} (${closest.reason})`
}

const METHODS = new Map(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((name) => [name, name]))

/** A text of the program's own, where it can be: the request's would be one more that is kept. */
const methodText = (method: string): string => METHODS.get(method) ?? visible(bounded(method, METHOD_CHARS))

let lastHost = ''
let lastHostText = ''

/** Most requests name the same host, and then share its text. */
const hostText = (host: string): string => {
  if (host !== lastHost) {
    lastHostText = kept(redactHost(host), HOST_CHARS)
    lastHost = detached(host)
  }
  return lastHostText
}

const kept = (text: string, limit: number): string => visible(detached(bounded(text, limit)))

/** DEL and the C1 controls, which JSON leaves alone and some terminals obey, percent-encoded. */
const visible = (text: string): string =>
  C1_CONTROL.test(text)
    ? text.replace(C1_CONTROLS, (control) => `%${control.charCodeAt(0).toString(16).toUpperCase()}`)
    : text
const C1_CONTROL = /[\x7f-\x9f]/
const C1_CONTROLS = /[\x7f-\x9f]/g

/** Microseconds are as far as a duration means anything. */
const rounded = (ms: number): number => Math.round(ms * 1000) / 1000

const EPOCH = new Date(0).toISOString()
let lastMs = 0
let lastText = EPOCH

/** Many exchanges share a millisecond, and formatting a date is dear. The text has no room for a fraction of one. */
const isoTime = (exactMs: number): string => {
  const ms = Math.trunc(exactMs)
  if (ms === lastMs) return lastText
  const date = new Date(ms)
  lastText = Number.isNaN(date.getTime()) ? EPOCH : date.toISOString()
  lastMs = ms
  return lastText
}
