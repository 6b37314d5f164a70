/**
 * Proves that interception works here, with the very code of `understudy run`: a child dials an address where nobody
 * listens, gets a mocked answer, and the record must say that the kernel knew the address.
 */
import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { environment } from '../config/load.ts'
import { defaultConfig } from '../config/schema.ts'
import type { Expectation } from '../decide/matching/expectation.ts'
import { UnderstudyError } from '../errors.ts'
import { runCommand } from '../run/run-command.ts'

/** How the connection of a self-test may be captured. */
export type ProvedCapture = 'ebpf' | 'nft' | 'iptables' | 'tproxy'

/** Who then has to know where it was going. */
const KNOWN_BY: Readonly<Record<ProvedCapture, readonly string[]>> = {
  ebpf: ['ebpf'],
  nft: ['so-original-dst', 'conntrack'],
  iptables: ['so-original-dst', 'conntrack'],
  tproxy: ['tproxy'],
}

export interface SelfTest {
  readonly ok: boolean
  /** What happened, in words. */
  readonly said: string
  readonly remedy: string
}

/**
 * A loopback address, so that nothing leaves this machine even where the redirect fails; the discard port, so that
 * nobody is disturbed (RFC 863).
 */
const target = (): string => `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}:9`
const TIMEOUT_MS = 5000
const STATUS = 299
/** The child's exit code for the mocked status; any other is a failure. */
const ANSWERED = 42
const CLIENT = `
const [url, status, answered, timeout] = process.argv.slice(1)
require('node:http')
  .get(url, { timeout: Number(timeout) }, (response) => {
    process.exit(response.statusCode === Number(status) ? Number(answered) : 1)
  })
  .on('timeout', () => process.exit(2))
  .on('error', () => process.exit(2))`

const ANSWER_ALL: Expectation = {
  id: 'self-test',
  priority: 0,
  request: undefined,
  action: { kind: 'respond', response: { statusCode: STATUS, headers: [], body: Buffer.alloc(0), delayMs: 0 } },
  remainingTimes: 1,
  timeToLiveMs: Number.POSITIVE_INFINITY,
}

const Line = z.object({
  kind: z.string(),
  originalDestination: z.string().optional(),
  resolvedBy: z.string().optional(),
})

const judge = (status: number, record: string, address: string, capture: ProvedCapture): SelfTest => {
  const lines = record.split('\n').filter(Boolean)
  const exchange = lines.map((line) => Line.parse(JSON.parse(line))).find(({ kind }) => kind === 'exchange')
  const remedy = `Run \`understudy run --capture ${capture} --log-level debug -- curl …\` and look at what it says.`
  if (status !== ANSWERED) return { ok: false, said: `a connection to ${address} was not intercepted`, remedy }
  const found = exchange?.originalDestination ?? 'nothing'
  if (found !== address || !KNOWN_BY[capture].includes(exchange?.resolvedBy ?? '')) {
    const by = exchange?.resolvedBy ?? 'nobody'
    return { ok: false, said: `the kernel did not say ${address}, but ${found} (by ${by})`, remedy }
  }
  return { ok: true, said: `a connection to ${address} was intercepted, and the kernel said where it went`, remedy: '' }
}

export interface SelfTestOptions {
  readonly capture: ProvedCapture
  /** A network namespace with its loopback up; ours without one. */
  readonly netns?: string
}

/** Intercepts one connection of its own; needs root. Never throws what a machine is to blame for. */
export const selfTest = async ({ capture, netns }: SelfTestOptions): Promise<SelfTest> => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-doctor-'))
  const address = target()
  const recordPath = join(folder, 'record.ndjson')
  try {
    const { status } = await runCommand({
      config: { ...defaultConfig(), interceptLoopback: true, adminEnabled: false, logLevel: 'silent', capture },
      warnings: [],
      expectations: [ANSWER_ALL],
      argv: [process.execPath, '-e', CLIENT, `http://${address}/`, `${STATUS}`, `${ANSWERED}`, `${TIMEOUT_MS}`],
      // no NODE_OPTIONS and no proxy settings: this is a bare client
      env: { PATH: environment()['PATH'] },
      recordPath,
      withSummary: false,
      ...(netns === undefined ? {} : { netns }),
    })
    return judge(status, readFileSync(recordPath, 'utf8'), address, capture)
  } catch (error) {
    if (!(error instanceof UnderstudyError)) throw error
    return { ok: false, said: `${error.message} [${error.code}]`, remedy: error.remedy ?? '' }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
