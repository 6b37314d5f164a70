/** XML Schema (XSD 1.0) over XML bodies, in a thread of its own: bounded in time and memory, no file or network. */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { type BodyTest, textOf } from '../decide/matching/body.ts'
import type { Compiled } from './json-schema.ts'
import { MAX_BYTES, unreadable } from './xml.ts'

export type SchemaQuestion =
  | { readonly id: number; readonly source: string }
  | { readonly id: number; readonly text: string }

export type SchemaAnswer =
  | { readonly kind: 'compiled' | 'valid' | 'unknown' }
  | { readonly kind: 'refused'; readonly problem: string }
  /** The thread is not to be asked again: it may have run out of memory. */
  | { readonly kind: 'broken'; readonly problem: string }

/** The library is loaded within it. */
const START_MS = 10_000
const COMPILE_MS = 1000
const VALIDATE_MS = 500
/** A thread that nobody has asked for so long is ended: it holds some 20 MiB. */
const IDLE_MS = 300_000
const MAX_OLD_GENERATION_MB = 64

interface Thread {
  /** Waits for the answer; undefined where there is none in time. */
  ask(question: SchemaQuestion, limitMs: number): SchemaAnswer | undefined
  end(): void
}

let thread: Thread | undefined
let nextId = 0

/** Compiles a schema into a test of bodies; a body that is not well-formed, or took too long, does not match. */
export function compileXmlSchema(source: string): Compiled<BodyTest> {
  const schema = source.trim()
  const unread = schema.length > MAX_BYTES ? 'more than 1 MiB' : unreadable(schema)
  if (unread !== undefined) return { problem: `not a valid XML schema: ${unread}` }
  const id = nextId++
  const compiled = ask({ id, source: schema }, COMPILE_MS)
  if (compiled.kind !== 'compiled') return { problem: `not a valid XML schema: ${problemOf(compiled)}` }
  const test: BodyTest = (body) => {
    if (body.bytes.length > MAX_BYTES) return false
    const text = textOf(body).trim()
    if (text === '' || unreadable(text) !== undefined) return false
    const known = ask({ id, text }, VALIDATE_MS)
    if (known.kind !== 'unknown') return known.kind === 'valid'
    return (
      ask({ id, source: schema }, COMPILE_MS).kind === 'compiled' && ask({ id, text }, VALIDATE_MS).kind === 'valid'
    )
  }
  return { test }
}

function problemOf(answer: SchemaAnswer): string {
  return 'problem' in answer ? answer.problem : answer.kind
}

/** Asks the thread; one that has no answer in time, or is broken, is ended, and the next question starts another. */
function ask(question: SchemaQuestion, limitMs: number): SchemaAnswer {
  const isNew = thread === undefined
  thread ??= startThread()
  const answer = thread.ask(question, isNew ? START_MS : limitMs)
  if (answer && answer.kind !== 'broken') return answer
  endThread()
  return answer ?? { kind: 'broken', problem: 'it takes too long' }
}

function endThread(): void {
  thread?.end()
  thread = undefined
}

function startThread(): Thread {
  const signal = new Int32Array(new SharedArrayBuffer(4))
  const { port1, port2 } = new MessageChannel()
  const worker = new Worker(new URL('./xml-schema-worker.ts', import.meta.url), {
    workerData: { port: port2, signal },
    transferList: [port2],
    resourceLimits: { maxOldGenerationSizeMb: MAX_OLD_GENERATION_MB },
    execArgv: [],
    env: {},
  })
  // Neither keeps the process from ending, nor ends it.
  worker.unref()
  worker.on('error', () => {})
  const idle = setTimeout(endThread, IDLE_MS).unref()
  return {
    ask(question, limitMs) {
      idle.refresh()
      return waitFor(port1, signal, question, limitMs)
    },
    end() {
      clearTimeout(idle)
      port1.close()
      void worker.terminate()
    },
  }
}

function waitFor(
  port: MessagePort,
  signal: Int32Array,
  question: SchemaQuestion,
  limitMs: number,
): SchemaAnswer | undefined {
  Atomics.store(signal, 0, 0)
  port.postMessage(question)
  if (Atomics.wait(signal, 0, 0, limitMs) === 'timed-out') return undefined
  return receiveMessageOnPort(port)?.message as SchemaAnswer | undefined
}
