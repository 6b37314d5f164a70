/** A server as a program of its own, on the core of what is measured. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { BUILT, CORES, onCore } from '../support/cores.ts'

/** Some leave files where they are started. */
const PLACE = join(BUILT, 'peers')
const MODULES = join(import.meta.dirname, 'node_modules')
const START_LIMIT_MS = 60_000
const POLL_MS = 50
const END_LIMIT_MS = 5000
const TOLD_CHARACTERS = 2000

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

/** A file of a package of the peers. Throws where it is not there. */
export const packaged = (path: string): string => {
  const whole = join(MODULES, path)
  if (!existsSync(whole)) throw new Error(`${path} is not installed`)
  return whole
}

export interface Program {
  readonly pid: number
  close(): Promise<void>
}

/** Runs it and waits until something answers at `url`; rejects with the last it said where nothing ever does. */
export const startProgram = async (
  argv: readonly string[],
  url: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Program> => {
  const [program = '', ...rest] = onCore(CORES.subject, ...argv)
  mkdirSync(PLACE, { recursive: true })
  const child = spawn(program, rest, { cwd: PLACE, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let told = ''
  let isOver = false
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      told = `${told}${chunk}`.slice(-TOLD_CHARACTERS)
    })
  }
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      isOver = true
      resolve()
    }
    child.once('exit', end)
    child.once('error', (error) => {
      told += String(error)
      end()
    })
  })
  const close = async (): Promise<void> => {
    child.kill('SIGCONT')
    child.kill()
    await Promise.race([ended, pause(END_LIMIT_MS, undefined, { ref: false })])
    if (!isOver) child.kill('SIGKILL')
    await ended
  }
  const until = performance.now() + START_LIMIT_MS
  for (;;) {
    if (isOver) throw new Error(`it ended at once: ${told.trim().split('\n').slice(-3).join(' / ')}`)
    if (performance.now() > until) {
      await close()
      throw new Error(`nothing answered within ${START_LIMIT_MS / 1000} s`)
    }
    const isUp = await fetch(url).then(
      (response) => response.arrayBuffer().then(() => true),
      () => false,
    )
    if (isUp) return { pid: child.pid ?? 0, close }
    await pause(POLL_MS)
  }
}

/** Sends a document to a server's own API; throws what it answers where that is a refusal. */
export const tell = async (method: string, url: string, document?: unknown): Promise<void> => {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(document === undefined ? {} : { body: JSON.stringify(document) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${url} is answered with ${response.status}: ${text.slice(0, 500)}`)
}

/** The list in portions, in order. */
export const portions = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size))
