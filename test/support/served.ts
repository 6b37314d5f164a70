/** An application under `understudy run` whose own ports are intercepted, and clients of it in the lab's world. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fixture, type Started } from './lab.ts'
import type { Options, Stage } from './stage.ts'

export type Line = Readonly<Record<string, unknown>>

export const APP_PORT = 8080

export interface Served {
  readonly started: Started
  /** What it recorded of HTTP requests and relayed connections so far. */
  exchanges(): Line[]
  /** Ends the application, and so the run; the answer is what understudy and it have said. */
  end(): Promise<string>
}

export interface ServeOptions extends Options {
  /** The key `inbound`; the port is there already. */
  readonly inbound: Line
  readonly settings?: Line
  readonly args?: readonly string[]
  /** What the application prints once it listens. */
  readonly says?: string
}

/** Starts an application that way, and waits until it listens. */
export const serve = async (
  stage: Stage,
  context: TestContext,
  argv: readonly string[],
  { inbound, settings = {}, args = [], says = 'ready', ...options }: ServeOptions,
): Promise<Served> => {
  const folder = stage.folder(context)
  const config = join(folder, 'settings.json')
  const record = join(folder, 'record.ndjson')
  writeFileSync(config, JSON.stringify({ ...settings, inbound: { ports: [{ port: APP_PORT }], ...inbound } }))
  const started = stage.start(['run', '--config', config, '--record', record, ...args, '--', ...argv], options)
  context.after(() => started.kill('SIGTERM'))
  await started.said(says)
  return {
    started,
    exchanges: () =>
      readFileSync(record, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Line)
        .filter((line) => line['kind'] === 'exchange'),
    end: async () => {
      started.kill('SIGTERM')
      const { stdout, stderr } = await started.finished
      return stdout + stderr
    },
  }
}

/** The command line of test/fixtures/kernel/application.ts. */
export const application = (kind: 'http' | 'echo', ...addresses: string[]): string[] => [
  process.execPath,
  fixture('application.ts'),
  kind,
  `${APP_PORT}`,
  ...addresses,
]

export const url = (address: string, path = '/'): string =>
  `http://${address.includes(':') ? `[${address}]` : address}:${APP_PORT}${path}`

/** Asks from the lab's world with curl; throws where that fails. */
export const ask = async ({ lab }: Stage, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await lab.run('world', ['curl', '-sS', '-g', '--max-time', '10', ...args])
  assert.equal(code, 0, stderr)
  return stdout
}

/** The value of a header that the application saw. */
export const headerOf = (saw: Line, name: string): string | undefined => {
  const headers = saw['headers'] as string[]
  const at = headers.findIndex((each, i) => i % 2 === 0 && each.toLowerCase() === name)
  return at < 0 ? undefined : headers[at + 1]
}
