/** A whole `understudy run` whose command is a shell that does what it is told: its workload, over and over. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { CORES, ROOT } from './cores.ts'

export interface Understudy {
  /** The agent's own process. */
  readonly pid: number
  /** Runs a command line as the workload, to its end; resolves with what it printed. */
  run(command: string): Promise<string>
  /** Its metrics, as the admin server gives them. */
  metrics(): Promise<Metrics>
  /** Ends the shell, and with it the agent. */
  close(): Promise<void>
}

/** The sum of the samples of a metric whose labels include those given. */
export type Metrics = (name: string, labels?: Readonly<Record<string, string>>) => number

export interface UnderstudyOptions {
  readonly netns: string
  readonly expectations: readonly unknown[]
  readonly settings?: Readonly<Record<string, string>>
}

const END = '--- end of command ---'

const parseMetrics =
  (text: string): Metrics =>
  (name, labels = {}) =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

/** `bin/understudy run`, kept on the core of what is measured; the shell's commands may leave that core. */
export const startUnderstudy = async (options: UnderstudyOptions): Promise<Understudy> => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-bench-'))
  const file = join(folder, 'expectations.json')
  writeFileSync(file, JSON.stringify(options.expectations))
  const adminPort = await freePort()
  const argv = ['run', '--netns', options.netns, '--expectations', file, '--no-summary']
  const child = spawn('taskset', ['-c', CORES.subject, join(ROOT, 'bin/understudy'), ...argv, '--', 'sh'], {
    env: { ...process.env, UNDERSTUDY_ADMIN_PORT: `${adminPort}`, ...options.settings },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const lines: AsyncIterator<string> = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const run = async (command: string): Promise<string> => {
    child.stdin.write(`${command}\necho '${END}'\n`)
    const printed: string[] = []
    for (;;) {
      const { value, done } = await lines.next()
      if (done) throw new Error(`understudy ended during: ${command}`)
      if (value === END) return printed.join('\n')
      printed.push(value)
    }
  }
  await run(':')
  return {
    pid: child.pid ?? 0,
    run,
    metrics: async () => parseMetrics(await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()),
    close: async () => {
      child.stdin.end()
      await ended
      rmSync(folder, { recursive: true })
    },
  }
}
