/** The control API over a store and a log of its own, without sockets; requests come from workloads of any namespace. */
import { controlDocuments } from '../../src/config/control-schema.ts'
import { createCallTally } from '../../src/control/call-tally.ts'
import { createEventLog } from '../../src/control/event-log.ts'
import type { Context, Registry } from '../../src/control/ports.ts'
import type { Reply } from '../../src/control/reply.ts'
import { findRoute } from '../../src/control/routes.ts'
import { scopedContext } from '../../src/control/scoped.ts'
import { createWaiting } from '../../src/control/waiting.ts'
import { decide } from '../../src/decide/decide.ts'
import { createExpectationStore } from '../../src/decide/matching/store.ts'
import type { Decision, Flow } from '../../src/flow.ts'
import { head } from '../unit/decide/build.ts'

const HERE = { address: '127.0.0.1', port: 1080 }
const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')

export interface ScopedLab {
  /** `PUT /scope/a/mockserver/reset`; undefined for what is no call. */
  call(line: string, body?: unknown): Promise<Reply | undefined>
  /** PUT under the scope of a namespace; the whole API where there is none. */
  put(namespace: string | undefined, path: string, body?: unknown): Promise<Reply>
  /** A request of a workload of that namespace; the decision about it. */
  traffic(namespace: string | undefined, line: string): Decision
  /** What registries were told. */
  readonly told: unknown[]
}

const flowOf = (namespace: string | undefined): Flow => ({
  cookie: 0n,
  workload: { id: 1, name: 'w', ...(namespace === undefined ? {} : { namespace }) },
  direction: 'outbound',
  client: HERE,
  local: HERE,
  fd: -1,
})

const createContext = (registry: Registry) => {
  const log = createEventLog({ limitBytes: 1e7, bodyBytes: 1000, onEvicted: () => undefined })
  const store = createExpectationStore([], 0)
  const context: Context = {
    log,
    store,
    tally: createCallTally(),
    inflate: (sent) => sent,
    bodyMatchBytes: 1000,
    documents: controlDocuments,
    server: { host: '', listening: () => [1080], bind: async (port) => port, stop: () => undefined },
    settings: { current: () => ({}), sourceOf: () => 'default', change: () => ({ value: undefined }) },
    limits: { version: '8.0.0', maxExpectations: 1000, bodyLimit: 1e6, livenessPath: '' },
    registries: [registry],
    metrics: { contentType: 'text/plain', text: async () => '' },
    apiDocument: () => '',
    waiting: createWaiting({ log, nowMs: () => 0, after: () => () => undefined, onTooMany: () => undefined }),
    nowMs: () => 0,
    namesOf: () => [],
    sender: undefined,
    admit: (specs) => ({ value: specs }),
    shown: (live) => live,
  }
  return { context, log, store }
}

export const createScopedLab = (): ScopedLab => {
  const told: unknown[] = []
  const { context, log, store } = createContext({
    reset: () => told.push('reset'),
    cleared: (ids) => told.push(ids === 'all' ? ids : [...ids]),
  })
  const call: ScopedLab['call'] = async (line, body) => {
    const asked = head(line)
    const found = findRoute(asked, '')
    if (!found) return undefined
    const bytes = Buffer.from(body === undefined ? '' : JSON.stringify(body))
    const of = found.namespace === undefined ? context : scopedContext(context, found.namespace)
    const query = new URLSearchParams(asked.query)
    return found.handler({ query, body: bytes, name: found.name, nowMs: 0, onGone: () => undefined }, of)
  }
  return {
    told,
    call,
    put: async (namespace, path, body) => {
      const reply = await call(`PUT ${namespace === undefined ? '' : `/scope/${namespace}`}/mockserver/${path}`, body)
      if (!reply) throw new Error(`${path} is no call`)
      return reply
    },
    traffic: (namespace, line) => {
      const flow = flowOf(namespace)
      const asked = head(line)
      const rest = { policy: { onUnmatched: 'refuse' }, nowMs: 0, namesOf: () => [] } as const
      const decision = decide({ head: asked, resolution: { trail: [] }, body: Buffer.alloc(0), flow, ...rest }, store)
      if (decision.kind === 'needs_body') throw new Error('it has its body')
      const expectationId = 'expectationId' in decision ? decision.expectationId : undefined
      const about = { client: HERE, local: HERE, receivedAtMs: 0, decision: decision.kind, expectationId, flow }
      const entry = log.begin({ ...about, head: asked, body: log.nothing })
      log.answered(entry, { kind: 'whole', bytes: ANSWER, isCut: false })
      log.ended(entry, 0)
      return decision
    },
  }
}
