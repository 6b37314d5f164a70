/** The one port through which finished exchanges and closed connections leave the pipeline. */
import type { Logger } from 'pino'
import type { ConnectionSummary, Exchange } from '../flow.ts'
import type { FlowFeed } from './flows.ts'
import { connectionLine, exchangeLine, lineText, type RecordLine } from './line.ts'
import { flushLog } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { RecordFile } from './record-file.ts'
import type { Summary } from './summary.ts'

export interface Recorder {
  exchange(exchange: Exchange): void
  connection(connection: ConnectionSummary): void
  /** Resolves once the log and the record file have written what they were given, or cannot. */
  flush(): Promise<void>
}

/** What is absent costs nothing. */
export interface RecorderPorts {
  readonly log: Logger
  readonly metrics: Pick<Metrics, 'exchange' | 'connection'>
  readonly flows?: Pick<FlowFeed, 'wanted' | 'publish'>
  readonly summary?: Pick<Summary, 'exchange' | 'connection'>
  readonly file?: Pick<RecordFile, 'write' | 'flush'>
}

/** Runs once per request, so a line is built only where somebody takes it, and its text only once. */
export const createRecorder = ({ log, metrics, flows, summary, file }: RecorderPorts): Recorder => {
  const ours = log.child({ component: 'record' })
  const pass = (line: RecordLine) => {
    const text = file && lineText(line)
    if (text !== undefined) file?.write(text)
    if (flows?.wanted()) flows.publish(line, text)
  }
  return {
    exchange(exchange) {
      metrics.exchange(exchange)
      const logged = ours.isLevelEnabled('info')
      if (!logged && !file && !summary && !flows?.wanted()) return
      const line = exchangeLine(exchange)
      summary?.exchange(line)
      pass(line)
      if (logged) ours.info(exchangeFacts(line), line.direction === 'inbound' ? 'inbound exchange' : 'exchange')
    },
    connection(connection) {
      metrics.connection(connection)
      summary?.connection(connection)
      const logged = ours.isLevelEnabled('debug')
      if (!logged && !file && !flows?.wanted()) return
      const line = connectionLine(connection)
      pass(line)
      if (logged) ours.debug(connectionFacts(line), 'connection')
    },
    async flush() {
      await Promise.all([flushLog(log), file?.flush()])
    },
  }
}

/** A log line has a message and a time of its own. */
const exchangeFacts = ({ kind: _, time: startedAt, ...facts }: ReturnType<typeof exchangeLine>) => ({
  startedAt,
  ...facts,
})
const connectionFacts = ({ kind: _, time: endedAt, ...facts }: ReturnType<typeof connectionLine>) => ({
  endedAt,
  ...facts,
})
