/** Builds the record stage of one command: log, metrics, live flows, record file, summary, admin server. */
import type { Logger } from 'pino'
import type { Config } from './config/schema.ts'
import { openTokensOf } from './control/token-file.ts'
import { UnderstudyError } from './errors.ts'
import { version } from './paths.ts'
import { type Admin, createAdmin } from './record/admin.ts'
import { createFlowFeed, type FlowFeed } from './record/flows.ts'
import { createLog } from './record/log.ts'
import { createMetrics, type Metrics } from './record/metrics.ts'
import type { AgentMetrics } from './record/metrics-agent.ts'
import type { ReadKernel } from './record/metrics-kernel.ts'
import type { NodePorts } from './record/metrics-node.ts'
import { openRecordFile, type RecordFile } from './record/record-file.ts'
import { createRecorder, type Recorder } from './record/recorder.ts'
import { createSummary, type Summary } from './record/summary.ts'
import { createMisses, type Misses } from './recording/misses.ts'
import { openRecording, type Recording } from './recording/recorder.ts'
import { whoListens } from './workloads/who-listens.ts'

export interface RecordOptions {
  readonly config: Config
  readonly recordPath?: string
  /** Where forwarded exchanges are kept as expectations. */
  readonly recordingPath?: string
  /** Note what no expectation matched. */
  readonly withMisses?: boolean
  readonly recordOwner?: { readonly uid: number; readonly gid: number }
  readonly withSummary: boolean
  readonly readKernel?: ReadKernel
  /** How many addresses the DNS server remembers. */
  readonly readDnsIntents?: () => number
  readonly ready: () => { readonly ok: boolean; readonly why?: string }
  /** Take any port when the configured one is in use: two runs at once are no mistake. */
  readonly adminMayMove: boolean
  /** Of a node's agent: what a scrape asks it. Without it, there are no metrics of pods. */
  readonly node?: NodePorts
  /** What `/debug/workloads` shows; without it, there is no such path. */
  readonly debugWorkloads?: () => Iterable<object>
}

export interface RecordStage {
  readonly log: Logger
  readonly metrics: Metrics
  readonly recorder: Recorder
  readonly summary?: Summary
  readonly recording?: Recording
  readonly misses?: Misses
  /** Of a node's agent. */
  readonly agent?: AgentMetrics
  /** The series of a pod go; call it when the pod is gone for good. */
  forgetWorkload(uid: string): void
  /** Starts the admin server where one is wanted; returns its port. */
  startAdmin(): Promise<number | undefined>
  close(): Promise<void>
}

const openTape = (options: RecordOptions, log: Logger, metrics: Metrics): Recording | undefined => {
  const { config, recordingPath, recordOwner } = options
  if (recordingPath === undefined) return undefined
  return openRecording({
    path: recordingPath,
    ...(recordOwner ? { owner: recordOwner } : {}),
    recordedBy: `understudy ${version()}`,
    limitBytes: config.recordingBytes,
    bodyBytes: config.recordingBodyBytes,
    log,
    onFull: () => metrics.limitHit('recording'),
    nowMs: () => performance.timeOrigin + performance.now(),
  })
}

interface AdminParts extends Pick<RecordStage, 'log' | 'metrics'> {
  readonly flows: FlowFeed
}

type AdminOn = (port: number) => Admin

/** Reads the tokens, where there are some to be asked for. Throws FILE_UNREADABLE. */
const adminOf = (options: RecordOptions, { log: stageLog, ...parts }: AdminParts): AdminOn => {
  const { config, ready, debugWorkloads } = options
  const log = stageLog.child({ component: 'admin' })
  const path = config.adminTokenFile
  const tokens =
    path === ''
      ? undefined
      : openTokensOf({ path, setting: 'adminTokenFile', whose: 'admin server' }, (err) =>
          log.warn({ err, path }, 'the token file cannot be read: recorded traffic is shown to nobody'),
        )
  return (port) =>
    createAdmin({
      host: config.adminHost,
      port,
      names: config.adminHosts,
      ...(tokens ? { isAuthorized: tokens.isAuthorized } : {}),
      ...(debugWorkloads ? { debugWorkloads } : {}),
      version: version(),
      log,
      ...parts,
      ready,
      whoListens,
    })
}

/** Listens on the port that is set or, where that is taken and it may move, on any other. */
const listenOn = async (options: RecordOptions, parts: AdminParts): Promise<{ admin: Admin; port: number }> => {
  const { config, adminMayMove } = options
  const adminOn = adminOf(options, parts)
  const admin = adminOn(config.adminPort)
  try {
    return { admin, ...(await admin.listen()) }
  } catch (error) {
    const taken = error instanceof UnderstudyError && error.code === 'PORT_IN_USE'
    if (!taken || !adminMayMove) throw error
    parts.log.info({ wanted: config.adminPort, cause: error.message }, 'admin port is taken, any other will do')
    const moved = adminOn(0)
    return { admin: moved, ...(await moved.listen()) }
  }
}

export const createRecordStage = (options: RecordOptions): RecordStage => {
  const { config } = options
  let metrics: Metrics | undefined
  const log = createLog({ level: config.logLevel, onDrop: (lines) => metrics?.dropped('log', lines) })
  const made = createMetrics({
    version: version(),
    ...(options.readKernel ? { readKernel: options.readKernel } : {}),
    ...(options.readDnsIntents ? { readDnsIntents: options.readDnsIntents } : {}),
    ...(options.node ? { node: { ports: options.node, tcpSeries: config.tcpSeries } } : {}),
  })
  metrics = made
  const flows = createFlowFeed({
    // Kept for replay only where somebody could ask.
    ringLines: config.adminEnabled ? 1000 : 0,
    onDrop: (lines) => made.dropped('flows', lines),
    onReaders: (count) => made.subscribers(count),
  })
  const file: RecordFile | undefined =
    options.recordPath === undefined
      ? undefined
      : openRecordFile({
          path: options.recordPath,
          log,
          onDrop: (lines) => made.dropped('file', lines),
          ...(options.recordOwner ? { owner: options.recordOwner } : {}),
        })
  const summary = options.withSummary ? createSummary() : undefined
  const recording = openTape(options, log, made)
  const recorder = createRecorder({
    log,
    metrics: made,
    flows,
    ...(summary ? { summary } : {}),
    ...(file ? { file } : {}),
  })
  const parts = { log, metrics: made, flows }
  let admin: Admin | undefined

  return {
    log,
    metrics: made,
    recorder,
    ...(summary ? { summary } : {}),
    ...(recording ? { recording } : {}),
    ...(options.withMisses ? { misses: createMisses() } : {}),
    ...(made.agent ? { agent: made.agent } : {}),
    forgetWorkload: (uid) => made.forgetWorkload(uid),
    startAdmin: async () => {
      if (!config.adminEnabled) return undefined
      const listening = await listenOn(options, parts)
      admin = listening.admin
      return listening.port
    },
    close: async () => {
      await admin?.close()
      flows.close()
      await recorder.flush()
      await file?.close()
      recording?.close()
    },
  }
}
