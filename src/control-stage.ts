/** Builds the control API of a data plane: its event log, its documents' schemas, its settings, who may call it. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Logger } from 'pino'
import type { AskClient, AskForPlan } from './action.ts'
import { controlDocuments } from './config/control-schema.ts'
import type { LiveSettings } from './config/live-settings.ts'
import type { Config } from './config/schema.ts'
import { createInflate } from './content/inflate.ts'
import { createCallTally } from './control/call-tally.ts'
import { createCallbackClients } from './control/callback-clients.ts'
import { type Callbacks, createCallbacks } from './control/callbacks.ts'
import { type Callers, createCallers } from './control/caller.ts'
import { type ControlApi, createControl } from './control/control.ts'
import { createEventLog } from './control/event-log.ts'
import type { Limits, Registry, ServerPorts } from './control/ports.ts'
import { openTokensOf, type TokenFile } from './control/token-file.ts'
import { createWaiting } from './control/waiting.ts'
import type { Origin } from './decide/matching/scope.ts'
import type { ExpectationStore } from './decide/matching/store.ts'
import { setLogLevel } from './record/log.ts'
import type { Metrics } from './record/metrics.ts'
import type { WebSockets } from './websocket.ts'

export interface ControlStageOptions {
  readonly settings: LiveSettings
  readonly store: ExpectationStore
  /** Without it, there is no control API. */
  readonly server?: ServerPorts
  readonly webSockets: WebSockets
  readonly metrics: Pick<Metrics, 'limitHit' | 'contentType' | 'text'>
  readonly log: Logger
  readonly nowMs: () => number
  /** The names that a workload asked DNS for and was given this address; without it, none are known. */
  readonly namesOf?: Origin['namesOf'] | undefined
  /** What is emptied beside expectations and event log. */
  readonly registries?: readonly Registry[]
}

const API_DOCUMENT = new URL('./control/api.yaml', import.meta.url)

const after = (delayMs: number, then: () => void): (() => void) => {
  const timer = setTimeout(then, delayMs)
  return () => clearTimeout(timer)
}

const limitsOf = (settings: LiveSettings): Limits => ({
  get version() {
    return settings.current().mockServerVersion
  },
  get maxExpectations() {
    return settings.current().maxExpectations
  },
  get bodyLimit() {
    return settings.current().controlBodyBytes
  },
  get livenessPath() {
    return settings.current().livenessHttpGetPath
  },
})

const openTokens = (path: string, log: Logger): TokenFile =>
  openTokensOf({ path, setting: 'controlTokenFile', whose: 'control API' }, (err) =>
    log.warn({ err, path }, 'the token file cannot be read: every call is refused'),
  )

const callersOf = (config: Config, { host }: ServerPorts, log: Logger): Callers => {
  const { controlCorsOrigins: origins, controlHosts, controlTokenFile } = config
  const tokens = controlTokenFile === '' ? undefined : openTokens(controlTokenFile, log)
  return createCallers({ origins, hosts: [...controlHosts, host], isAuthorized: tokens?.isAuthorized })
}

/** The API, and what expectations ask its callback clients. */
export interface ControlStage extends ControlApi {
  readonly askForResponse: AskClient
  readonly askForPlan: AskForPlan
}

/** Most requests that wait for one callback client. */
const MAX_WAITING = 1024

const newId = (): string => randomUUID()

const callbacksOf = ({ settings, metrics, webSockets }: ControlStageOptions, callers: Callers): Callbacks => {
  const { callbackClients, controlBodyBytes, callbackTimeoutMs } = settings.current()
  return createCallbacks({
    clients: createCallbackClients({
      maxClients: callbackClients,
      maxWaiting: MAX_WAITING,
      maxUnsentBytes: controlBodyBytes,
      timeoutMs: callbackTimeoutMs,
      newId,
      onLimit: metrics.limitHit,
    }),
    webSockets,
    onTooLarge: () => metrics.limitHit('websocket_message_bytes'),
    newId,
    documents: controlDocuments,
    limits: limitsOf(settings),
    callers,
  })
}

/** Not there where it is switched off, or nobody wants it. */
export const createControlStage = (options: ControlStageOptions): { readonly control?: ControlStage } => {
  const { settings, store, server, metrics, log, nowMs, namesOf = () => [], registries = [] } = options
  const config = settings.current()
  if (!server || !config.controlEnabled) return {}
  const eventLog = createEventLog({
    limitBytes: config.eventLogBytes,
    bodyBytes: config.eventLogBodyBytes,
    onEvicted: () => metrics.limitHit('event_log'),
  })
  settings.onChange(({ eventLogBytes, eventLogBodyBytes, logLevel }) => {
    eventLog.bound(eventLogBytes, eventLogBodyBytes)
    setLogLevel(log, logLevel)
  })
  const callers = callersOf(config, server, log)
  const callbacks = callbacksOf(options, callers)
  const api = createControl({
    store,
    inflate: createInflate(config.bodyMatchBytes, metrics.limitHit),
    bodyMatchBytes: config.bodyMatchBytes,
    server,
    nowMs,
    namesOf,
    sender: undefined,
    admit: (specs) => ({ value: specs }),
    shown: (live) => live,
    settings,
    registries: [...registries, callbacks.registry],
    callbacks,
    log: eventLog,
    tally: createCallTally(),
    documents: controlDocuments,
    limits: limitsOf(settings),
    metrics: config.controlMetricsEnabled ? metrics : undefined,
    apiDocument: () => readFileSync(API_DOCUMENT, 'utf8'),
    waiting: createWaiting({ log: eventLog, after, nowMs, onTooMany: () => metrics.limitHit('control_waiting') }),
    callers,
    onError: (err, path) => log.error({ err, path }, 'a call of the control API failed'),
  })
  const { askForResponse, askForPlan } = callbacks
  return { control: { ...api, askForResponse, askForPlan } }
}
