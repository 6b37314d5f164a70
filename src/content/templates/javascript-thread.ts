/**
 * The thread that JavaScript templates run in. Whatever a template does, it does it there: no other exchange waits for it,
 * and a thread that does not answer is ended and replaced.
 */
import { Worker } from 'node:worker_threads'
import type { JavaScriptJob } from './javascript-run.ts'
import type { Rendered } from './template.ts'

export const TEMPLATE_TIMEOUT_MS = 500
/** What the interpreter has not ended itself by then, a long call of its own library. */
const THREAD_TIMEOUT_MS = 2 * TEMPLATE_TIMEOUT_MS
/** Reading the interpreter in, on a busy machine. */
const START_TIMEOUT_MS = 20_000
const MAX_WAITING = 1000

interface Waiting {
  readonly job: JavaScriptJob
  readonly done: (rendered: Rendered) => void
}

/** In the order they were given to the thread, which answers in that order. */
let waiting: Waiting[] = []
let thread: Worker | undefined
let isReady = false
let timer: NodeJS.Timeout | undefined

/** Starts the thread, if it is not there, so that the first request does not wait for it. */
export function startJavaScript(): void {
  thread ??= start()
}

/** Runs a template; the promise never rejects. */
export function runJavaScript(job: JavaScriptJob): Promise<Rendered> {
  if (waiting.length >= MAX_WAITING) {
    return Promise.resolve({ problem: `more than ${MAX_WAITING} templates are waiting to be rendered` })
  }
  return new Promise((done) => {
    startJavaScript()
    waiting.push({ job, done })
    if (waiting.length === 1) {
      // The process stays for what is asked of it, and not for the thread.
      thread?.ref()
      watch()
    }
    thread?.postMessage(job)
  })
}

function start(): Worker {
  isReady = false
  const worker = new Worker(new URL('./javascript-worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 128, stackSizeMb: 4 },
    env: {},
  })
  worker.unref()
  worker.on('message', (message: Rendered | 'ready') => {
    if (worker !== thread) return
    if (message !== 'ready') settle(message)
    else isReady = true
    watch()
  })
  worker.on('error', (error: unknown) => {
    if (worker === thread)
      replace(`the template's thread failed: ${error instanceof Error ? error.message : String(error)}`)
  })
  return worker
}

function settle(rendered: Rendered): void {
  waiting.shift()?.done(rendered)
}

/** The time runs for the first in the line, from when the one before it was answered. */
function watch(): void {
  clearTimeout(timer)
  timer = undefined
  if (waiting.length === 0) {
    thread?.unref()
    return
  }
  timer = setTimeout(
    () => replace(`the template takes longer than ${THREAD_TIMEOUT_MS} ms`),
    isReady ? THREAD_TIMEOUT_MS : START_TIMEOUT_MS,
  )
}

/** Ends the thread for what the first in the line did; the others go to a new one. */
function replace(problem: string): void {
  const lost = thread
  const wasReady = isReady
  thread = undefined
  void lost?.terminate()
  const [first, ...others] = waiting
  // A thread that never was ready would not be the next time.
  const failed = wasReady ? [first] : [first, ...others]
  waiting = wasReady ? others : []
  if (waiting.length > 0) {
    thread = start()
    thread.ref()
    for (const { job } of waiting) thread.postMessage(job)
  }
  watch()
  for (const one of failed) one?.done({ problem })
}
