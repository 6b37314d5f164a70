/**
 * Appends text to a file descriptor without ever blocking, throwing or growing without bound; pino and the record file
 * both write through it. Hand-made because sonic-boom, which pino brings, waits for ever at exit on a full disk.
 */
import { close as closeFd, write as writeFd, writeSync } from 'node:fs'

/** The shape of fs.write; a test puts a slow or full disk here. */
export type Write = (
  fd: number,
  chunk: Uint8Array,
  offset: number,
  done: (error: NodeJS.ErrnoException | null, written: number) => void,
) => void

export interface AppenderOptions {
  readonly fd: number
  /** Most characters waiting to be written; more are dropped by whole lines. */
  readonly maxChars?: number
  /** Lines that were dropped. */
  readonly onDrop?: (lines: number) => void
  /** Every failed attempt to write. */
  readonly onError?: (error: NodeJS.ErrnoException) => void
  readonly write?: Write
}

export interface Appender {
  /** One or more whole lines. */
  write(lines: string): void
  /** Calls back once all that was accepted is written, or an attempt to write it failed. */
  flush(done: (error?: Error) => void): void
  /** For the way out of the process: tries once more, and gives up where the descriptor does not take it. */
  flushSync(): void
  /** Flushes, drops what could not be written and closes the descriptor (not 0, 1 or 2). */
  close(): Promise<void>
}

const MAX_CHARS = 4 * 1024 * 1024
const BUSY_RETRY_MS = 10
/** How soon a failing descriptor, a full disk say, is tried again. */
const FAILED_RETRY_MS = 1000
const SYNC_RETRIES = 50
/** Errors that no later attempt can mend. */
const FINAL = new Set(['EPIPE', 'EBADF', 'ECONNRESET'])

const fsWrite: Write = (fd, chunk, offset, done) => writeFd(fd, chunk, offset, chunk.length - offset, done)

interface State {
  /** Accepted and not yet handed to the kernel. */
  pending: string
  /** Being written, from `offset` on. */
  chunk: Buffer | undefined
  offset: number
  writing: boolean
  scheduled: boolean
  /** No attempt is made until it fires. */
  retry: NodeJS.Timeout | undefined
  /** Nothing more is taken. */
  dead: boolean
  waiting: ((error?: Error) => void)[]
}

/** Takes over `fd`. Text accepted before the process exits normally is written at exit at the latest. */
export const createAppender = (options: AppenderOptions): Appender => {
  const { fd, maxChars = MAX_CHARS, onDrop = () => {} } = options
  const state: State = {
    pending: '',
    chunk: undefined,
    offset: 0,
    writing: false,
    scheduled: false,
    retry: undefined,
    dead: false,
    waiting: [],
  }
  const pump = createPump(state, options)
  const flushSync = () => drainSync(state, fd)
  process.on('exit', flushSync)

  const schedule = () => {
    if (state.scheduled || state.writing || state.retry) return
    state.scheduled = true
    setImmediate(pump) // one write for all lines of this turn of the event loop
  }
  const flush: Appender['flush'] = (done) => {
    if (state.pending === '' && !state.chunk) return done()
    state.waiting.push(done)
    clearTimeout(state.retry)
    state.retry = undefined
    pump()
  }
  return {
    write(lines) {
      if (state.dead || state.pending.length + lines.length > maxChars) return onDrop(lineCount(lines))
      state.pending += lines
      schedule()
    },
    flush,
    flushSync,
    async close() {
      process.removeListener('exit', flushSync)
      await new Promise<void>((resolve) => flush(() => resolve()))
      abandon(state, onDrop)
      if (fd > 2) await new Promise<void>((resolve) => closeFd(fd, () => resolve()))
    },
  }
}

/** The write loop: at most one write is under way, and it takes all that is pending. */
const createPump = (state: State, options: AppenderOptions): (() => void) => {
  const { fd, write = fsWrite, onDrop = () => {}, onError = () => {} } = options
  const settle = (error?: Error) => {
    for (const done of state.waiting.splice(0)) done(error)
  }
  const pump = () => {
    state.scheduled = false
    if (state.writing || state.retry || state.dead) return
    if (!state.chunk) {
      if (state.pending === '') return settle()
      state.chunk = Buffer.from(state.pending)
      state.offset = 0
      state.pending = ''
    }
    state.writing = true
    write(fd, state.chunk, state.offset, written)
  }
  const written = (error: NodeJS.ErrnoException | null, count: number) => {
    state.writing = false
    if (error) return failed(error)
    state.offset += count
    if (state.chunk && state.offset >= state.chunk.length) state.chunk = undefined
    pump()
  }
  const failed = (error: NodeJS.ErrnoException) => {
    const busy = error.code === 'EAGAIN' || error.code === 'EINTR'
    if (!busy) onError(error)
    if (FINAL.has(error.code ?? '')) abandon(state, onDrop)
    else {
      const again = () => {
        state.retry = undefined
        pump()
      }
      state.retry = setTimeout(again, busy ? BUSY_RETRY_MS : FAILED_RETRY_MS)
      if (!busy) state.retry.unref() // whoever waits has been told; nobody is kept alive by a full disk
    }
    if (!busy) settle(error)
  }
  return pump
}

/** Gives up for good; what was not written counts as dropped. */
const abandon = (state: State, onDrop: (lines: number) => void) => {
  const left = lineCount(state.pending) + lineCount(state.chunk?.toString('latin1', state.offset) ?? '')
  if (left > 0) onDrop(left)
  state.dead = true
  state.pending = ''
  state.chunk = undefined
  clearTimeout(state.retry)
  state.retry = undefined
}

/** A write under way is left to its thread, which the process waits for. */
const drainSync = (state: State, fd: number) => {
  if (state.dead) return
  const head = state.writing ? undefined : state.chunk?.subarray(state.offset)
  const rest = Buffer.concat([head ?? Buffer.alloc(0), Buffer.from(state.pending)])
  if (!state.writing) state.chunk = undefined
  state.pending = ''
  const pause = new Int32Array(new SharedArrayBuffer(4))
  let offset = 0
  for (let retries = 0; offset < rest.length && retries < SYNC_RETRIES; ) {
    try {
      offset += writeSync(fd, rest, offset)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      retries++
      Atomics.wait(pause, 0, 0, BUSY_RETRY_MS)
    }
  }
}

const lineCount = (text: string): number => {
  let lines = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++
  return lines
}
