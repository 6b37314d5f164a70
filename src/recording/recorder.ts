/** Watches forwarded exchanges onto a tape, and keeps its file up to date. */
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { redacted } from '../content/hashed.ts'
import { KeptBytes } from '../control/kept-bytes.ts'
import { OpenExchange } from '../control/logged-exchange.ts'
import { WatchedExchange, type WatchLog } from '../control/watched-exchange.ts'
import type { Flow } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { requireReplaceable, writeRecording } from './recording-file.ts'
import { createSecrets } from './secrets.ts'
import { createTape } from './tape.ts'
import { recordingText } from './to-expectations.ts'

export interface RecordingOptions {
  readonly path: string
  readonly owner?: { readonly uid: number; readonly gid: number }
  /** As the file says who wrote it; begins with "understudy ". */
  readonly recordedBy: string
  readonly limitBytes: number
  /** Most bytes of one body; an exchange with a longer one is left out. */
  readonly bodyBytes: number
  readonly log: Logger
  readonly onFull: () => void
  readonly nowMs: () => number
}

export interface Recording {
  /** The exchange to go on with. `body` is undefined where it is still to be streamed. */
  watch(exchange: HttpExchange, flow: Flow, body: Buffer | 'unavailable' | undefined): HttpExchange
  /** Writes what there is; says in the log what there is not. */
  close(): void
}

const SALT_BYTES = 8
/** What a killed run loses at most. */
const WRITE_MS = 10_000

/** Opens the file. Throws FILE_UNWRITABLE. */
export const openRecording = (options: RecordingOptions): Recording => {
  const { path, owner, recordedBy, limitBytes, bodyBytes, log, nowMs } = options
  requireReplaceable(path)
  const salt = randomBytes(SALT_BYTES).toString('hex')
  const secrets = createSecrets((secret) => redacted(secret, salt))
  const tape = createTape({ secrets, limitBytes, onFull: options.onFull })
  let written = tape.version
  const write = (): void => {
    written = tape.version
    writeRecording(path, recordingText(tape.pairs, recordedBy), owner)
  }
  // At once, so that a path that cannot be written to is told now and not after the tests.
  write()
  const timer = setInterval(() => {
    if (tape.version === written) return
    try {
      write()
    } catch (err) {
      log.warn({ err, path }, 'the recording cannot be written; it is tried again')
    }
  }, WRITE_MS).unref()
  const notes: WatchLog = {
    keep: () => new KeptBytes(bodyBytes),
    grown: () => undefined,
    received: () => undefined,
    answered: (entry, response) => {
      entry.response = response
    },
    ended: (entry, atMs) => {
      entry.answeredAtMs = atMs
      tape.add(entry)
    },
  }

  return {
    watch: (exchange, flow, body) => {
      const kept = notes.keep()
      if (Buffer.isBuffer(body)) kept.take(body)
      else kept.isCut = true // until its end has been seen
      const entry = new OpenExchange({
        head: exchange.request.head,
        body: kept,
        client: flow.client,
        local: flow.local,
        receivedAtMs: exchange.startedAtMs,
        decision: 'forward',
        expectationId: undefined,
      })
      return new WatchedExchange(exchange, notes, entry, nowMs, body !== undefined)
    },
    close: () => {
      clearInterval(timer)
      write()
      const { leftOut, pairs } = tape
      if (leftOut > 0) log.warn({ path, leftOut, recorded: pairs.length }, 'some exchanges are not in the recording')
    },
  }
}
