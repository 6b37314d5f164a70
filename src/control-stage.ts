/** Builds the control API of a data plane: its event log, its documents' schemas, its settings. */
import type { Logger } from 'pino'
import { controlDocuments } from './config/control-schema.ts'
import type { Config } from './config/schema.ts'
import { type ControlApi, createControl } from './control/control.ts'
import { createEventLog } from './control/event-log.ts'
import type { ServerPorts } from './control/ports.ts'
import type { ExpectationStore } from './decide/matching/store.ts'
import type { Metrics } from './record/metrics.ts'

export interface ControlStageOptions {
  readonly config: Config
  readonly store: ExpectationStore
  readonly server: ServerPorts
  readonly metrics: Pick<Metrics, 'limitHit'>
  readonly log: Logger
  readonly nowMs: () => number
}

export const createControlStage = ({ config, store, server, metrics, log, nowMs }: ControlStageOptions): ControlApi =>
  createControl({
    store,
    server,
    nowMs,
    log: createEventLog({
      limitBytes: config.eventLogBytes,
      bodyBytes: config.eventLogBodyBytes,
      onEvicted: () => metrics.limitHit('event_log'),
    }),
    documents: controlDocuments,
    version: config.mockServerVersion,
    maxExpectations: config.maxExpectations,
    bodyLimit: config.controlBodyBytes,
    livenessPath: config.livenessHttpGetPath,
    onError: (err, path) => log.error({ err, path }, 'a call of the control API failed'),
  })
