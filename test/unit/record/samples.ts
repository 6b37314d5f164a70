/** Exchanges and connections for the tests of the record stage. */
import { pino } from 'pino'
import type { ConnectionSummary, Decision, Exchange, Flow, Outcome, RequestHead } from '../../../src/flow.ts'

export const START_MS = Date.UTC(2025, 0, 2, 3, 4, 5, 678)

export const flow: Flow = {
  cookie: 4242n,
  workload: { id: 1, name: 'run' },
  direction: 'outbound',
  client: { address: '127.0.0.1', port: 40000 },
  local: { address: '127.0.0.1', port: 15001 },
  fd: -1,
  saved: {
    destination: { address: '93.184.216.34', port: 80 },
    process: { pid: 77, name: 'curl' },
    clientCookie: 4141n,
    connectedAtNs: 5n,
    sourceBound: false,
    via: 'map',
  },
}

export const request = (changes: Partial<RequestHead> = {}): RequestHead => ({
  method: 'GET',
  target: '/hello',
  path: '/hello',
  query: '',
  httpVersion: '1.1',
  headers: ['Host', 'example.com'],
  host: 'example.com',
  ...changes,
})

export const mock: Decision = {
  kind: 'mock',
  expectationId: 'greeting',
  action: {
    kind: 'respond',
    response: { statusCode: 200, headers: [], body: Buffer.from('hi'), delayMs: 0 },
  },
}
export const forward = {
  kind: 'forward',
  destination: { address: '93.184.216.34', port: 80 },
} as const satisfies Decision
export const refuse: Decision = { kind: 'refuse', status: 404, reason: 'no_expectation' }

export const outcome = (changes: Partial<Outcome> = {}): Outcome => ({
  status: 200,
  requestBytes: 0,
  responseBytes: 2,
  durationMs: 1.5,
  ...changes,
})

export const exchange = (changes: Partial<Exchange> = {}): Exchange => ({
  kind: 'exchange',
  startedAtMs: START_MS,
  flow,
  protocol: 'http/1.1',
  request: request(),
  resolution: {
    destination: { address: '93.184.216.34', port: 80 },
    resolvedBy: 'cookie',
    trail: [{ strategy: 'cookie', answer: { kind: 'found', destination: { address: '93.184.216.34', port: 80 } } }],
  },
  decision: mock,
  outcome: outcome(),
  ...changes,
})

/** A relayed connection: no request, no status. */
export const opaque = (changes: Partial<Exchange> = {}): Exchange => {
  const { request: _, ...rest } = exchange()
  return {
    ...rest,
    protocol: 'opaque',
    decision: { kind: 'relay', destination: { address: '93.184.216.34', port: 5432 } },
    outcome: { requestBytes: 120, responseBytes: 2_345_678, durationMs: 61_234 },
    ...changes,
  }
}

export const connection = (changes: Partial<ConnectionSummary> = {}): ConnectionSummary => ({
  kind: 'connection',
  endedAtMs: START_MS,
  cookie: 4141n,
  process: { pid: 77, name: 'curl' },
  source: { address: '10.0.0.5', port: 50000 },
  destination: { address: '2001:db8::1', port: 443 },
  verdict: 'redirected',
  closeReason: 'orderly',
  bytesSent: 10,
  bytesReceived: 20,
  durationMs: 3,
  established: true,
  srttUs: 150,
  retransmits: 0,
  ...changes,
})

export const silent = pino({ level: 'silent' })

/** A log destination that keeps its lines, parsed. */
export const memoryLog = () => {
  const lines: Record<string, unknown>[] = []
  return { lines, write: (line: string) => void lines.push(JSON.parse(line)) }
}

/** One turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
