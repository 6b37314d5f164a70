/** What the proofs of `understudy doctor` have in common: a connection nobody is disturbed by, its answer, its record. */
import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import type { Expectation } from '../decide/matching/expectation.ts'
import { UnderstudyError } from '../errors.ts'
import type { Endpoint } from '../flow.ts'
import type { FeatureState } from '../kernel/features.ts'

const Exchange = z.object({
  originalDestination: z.string().optional(),
  resolvedBy: z.string().optional(),
  trail: z.array(z.object({ strategy: z.string(), answer: z.string(), detail: z.string() })),
})
/** What a record says of where a connection was going. */
export type ProvedExchange = z.infer<typeof Exchange>

export interface Proof {
  readonly state: FeatureState
  /** What happened, in words. */
  readonly said: string
  readonly remedy: string
  /** The connection's record, where there was a connection. */
  readonly exchange?: ProvedExchange
}

/** The status of the mocked answer; no server has it by chance. */
export const STATUS = 299
export const TIMEOUT_MS = 5000

/** Answers every request there is. */
export const ANSWER_ALL: Expectation = {
  id: 'doctor',
  priority: 0,
  request: undefined,
  action: { kind: 'respond', response: { statusCode: STATUS, headers: [], body: Buffer.alloc(0), delayMs: 0 } },
  conditions: undefined,
  turns: undefined,
  needsBody: false,
  remainingTimes: Number.POSITIVE_INFINITY,
  timeToLiveMs: Number.POSITIVE_INFINITY,
}

/**
 * A loopback address, so that nothing leaves this machine even where a redirect fails; the discard port, so that
 * nobody is disturbed (RFC 863).
 */
export const target = (): Endpoint => ({
  address: `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`,
  port: 9,
})

const Kind = z.object({ kind: z.string() })

/** The exchanges of a record file, in order. */
const exchangesIn = (path: string): ProvedExchange[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line): unknown => JSON.parse(line))
    .filter((line) => Kind.parse(line).kind === 'exchange')
    .map((line) => Exchange.parse(line))

/** Judges the exchanges that `connect` has had recorded; what a machine is to blame for becomes a proof of `fail`'s. */
export const recorded = async <T>(
  connect: (recordPath: string) => Promise<(exchanges: readonly ProvedExchange[]) => T>,
  fail: (proof: Proof) => T,
): Promise<T> => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-doctor-'))
  const path = join(folder, 'record.ndjson')
  try {
    const judge = await connect(path)
    return judge(exchangesIn(path))
  } catch (error) {
    if (!(error instanceof UnderstudyError)) throw error
    return fail({ state: 'missing', said: `${error.message} [${error.code}]`, remedy: error.remedy ?? '' })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
