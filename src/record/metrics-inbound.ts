/** What is counted of inbound exchanges alone; the metrics of all exchanges have them too. */
import { Histogram, type Registry } from 'prom-client'
import type { Exchange } from '../flow.ts'
import { createTally } from './tally.ts'

/** @param classOf the class of a status, `2xx` say */
export const declareInbound = (
  registry: Registry,
  buckets: readonly number[],
  classOf: (status: number) => string,
): ((exchange: Exchange) => void) => {
  const exchanges = createTally(registry, {
    name: 'understudy_inbound_exchanges_total',
    help: "Finished exchanges on connections to the workloads' own ports.",
    labels: ['decision', 'class'],
  })
  const bytes = createTally(registry, {
    name: 'understudy_inbound_bytes_total',
    help: "Bytes of those exchanges: what the workloads' clients sent, and what they were sent.",
    labels: ['part'],
    known: ['request', 'response'],
  })
  const seconds = new Histogram({
    name: 'understudy_inbound_duration_seconds',
    help: 'How long those exchanges took.',
    buckets: [...buckets],
    registers: [registry],
  })
  return ({ flow, decision, outcome }) => {
    if (flow.direction !== 'inbound') return
    exchanges.add(1, decision.kind, outcome.status === undefined ? 'none' : classOf(outcome.status))
    bytes.add(outcome.requestBytes, 'request')
    bytes.add(outcome.responseBytes, 'response')
    if (outcome.durationMs >= 0) seconds.observe(outcome.durationMs / 1000)
  }
}
