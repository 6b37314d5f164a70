/**
 * The loop that compares what should be there for each workload with what is: what its annotations ask for, its network
 * namespace, our listeners, the policy. It acts on one workload at a time, when its source says that it changed, when a
 * retry is due, and on all of them now and then.
 */
import type { Logger } from 'pino'
import type { PodPolicy } from '../config/annotations.ts'
import { endOf } from '../config/until-schema.ts'
import { UnderstudyError } from '../errors.ts'
import type { AgentMetrics, WorkloadState } from '../record/metrics-agent.ts'
import type { EventReason, WorkloadEvents, WorkloadFacts, WorkloadSource } from '../workloads/source.ts'
import { type Enrolment, shapeOf } from './enrolment.ts'
import type { Judgement } from './judge.ts'
import { isStillThere, type Locate, type Place } from './locate.ts'

export interface ReconcileOptions {
  readonly source: WorkloadSource
  readonly events: WorkloadEvents
  readonly metrics: AgentMetrics
  readonly log: Logger
  readonly judge: (facts: WorkloadFacts) => Judgement
  readonly locate: Locate
  readonly enrol: (facts: WorkloadFacts, policy: PodPolicy, place: Place) => Promise<Enrolment>
  /** Whether interception works, tried from inside; undefined where it does, else why not. */
  readonly prove: (enrolment: Enrolment) => Promise<string | undefined>
  readonly firstSeen: (uid: string, until: string) => number
  /** Whether this agent is the one in charge: another that is younger does the work. */
  readonly isOwner: () => boolean
  /** The workload is gone for good. */
  readonly onGone: (uid: string) => void
  readonly nowMs: () => number
  /** Milliseconds that connections of a workload that opts out may go on for. */
  readonly drainMs: number
  /** Milliseconds between two proofs; 0: only at enrolment. */
  readonly selfTestIntervalMs: number
}

export interface Known {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  state: WorkloadState
  /** Why it is in that state, in words. */
  why: string
  enrolment?: Enrolment
  sinceMs: number
  /** Times that it was looked for in vain. */
  attempts: number
  provenAtMs: number
  retry?: NodeJS.Timeout
}

export interface Reconcile {
  /** Something may have changed about this workload. */
  look(uid: string): void
  /** Looks at everything there is; resolves when done. */
  lookAtAll(): Promise<void>
  known(): Iterable<Known>
  byCookie(netnsCookie: bigint): Known | undefined
  get(uid: string): Known | undefined
  /** Ends all; what is under way is waited for. */
  close(end: (enrolment: Enrolment) => Promise<void>): Promise<void>
}

/** A pod that starts is looked for again soon, and ever less often. */
const FIRST_RETRY_MS = 25
const LAST_RETRY_MS = 5000
/** A pod that cannot be found this long is told about. */
const PATIENCE_MS = 30_000
/** Workloads acted on at once: opening listeners waits for child processes. */
const WORKERS = 8
const MAX_TIMER_MS = 2 ** 31 - 1

const messageOf = (error: unknown): string => {
  if (!(error instanceof UnderstudyError)) return error instanceof Error ? error.message : String(error)
  return error.remedy ? `${error.message}. ${error.remedy}` : error.message
}

export const createReconcile = (options: ReconcileOptions): Reconcile => {
  const { source, events, metrics, log, judge, locate, isOwner, nowMs } = options
  const all = new Map<string, Known>()
  const cookies = new Map<bigint, Known>()
  const waiting = new Set<string>()
  const busy = new Set<string>()
  let onIdle: (() => void) | undefined
  let isClosed = false

  const tell = (about: Known, type: 'Normal' | 'Warning', reason: EventReason, message: string): void => {
    events.report(about, type, reason, message)
  }
  const settle = (known: Known, state: WorkloadState, why: string): void => {
    known.state = state
    known.why = why
  }
  const retryIn = (known: Known, ms: number): void => {
    clearTimeout(known.retry)
    known.retry = setTimeout(() => look(known.uid), Math.min(Math.max(ms, 0), MAX_TIMER_MS)).unref()
  }
  const knownOf = ({ uid, namespace, name }: WorkloadFacts): Known => {
    const found = all.get(uid)
    if (found) return found
    const made: Known = {
      ...{ uid, namespace, name, state: 'waiting', why: 'not looked at yet' },
      ...{ sinceMs: nowMs(), attempts: 0, provenAtMs: Number.NEGATIVE_INFINITY },
    }
    all.set(uid, made)
    return made
  }

  const release = async (known: Known, how: 'opt_out' | 'gone'): Promise<void> => {
    const { enrolment } = known
    if (!enrolment) return
    delete known.enrolment
    if (cookies.get(enrolment.netnsCookie) === known) cookies.delete(enrolment.netnsCookie)
    // New connections go direct at once; the last ones that are left end by themselves.
    enrolment.end(how, options.drainMs).catch((err: unknown) => log.error({ err }, 'clearing up failed in part'))
  }

  const forget = async (uid: string): Promise<void> => {
    const known = all.get(uid)
    if (!known) return
    clearTimeout(known.retry)
    await release(known, 'gone')
    all.delete(uid)
    options.onGone(uid)
  }

  const leave = async (known: Known, state: WorkloadState, why: string, reason: EventReason): Promise<void> => {
    const was = known.enrolment !== undefined
    const isNews = known.state !== state || known.why !== why
    await release(known, 'opt_out')
    settle(known, state, why)
    if (was) tell(known, 'Normal', 'InterceptionStopped', why)
    if (reason !== 'InterceptionStopped' && isNews) tell(known, 'Warning', reason, why)
  }

  const fail = (known: Known, why: string): void => {
    const isNews = known.state !== 'failed' || known.why !== why
    settle(known, 'failed', why)
    if (isNews) {
      log.warn({ namespace: known.namespace, pod: known.name, why }, 'a workload cannot be intercepted')
      tell(known, 'Warning', 'InterceptionFailed', why)
    }
    known.attempts++
    retryIn(known, Math.min(LAST_RETRY_MS, 250 * 2 ** Math.min(known.attempts, 8)))
  }

  const waitFor = (known: Known, why: string): void => {
    known.attempts++
    if (known.attempts === 1) known.sinceMs = nowMs()
    const isLate = nowMs() - known.sinceMs > PATIENCE_MS
    if (isLate) return fail(known, why)
    settle(known, 'waiting', why)
    retryIn(known, Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 1.3 ** Math.min(known.attempts, 25)))
  }

  /** Tries it from inside, after a failure or now and then. */
  const prove = async (known: Known, enrolment: Enrolment): Promise<void> => {
    known.provenAtMs = nowMs()
    const why = await options.prove(enrolment)
    if (known.enrolment !== enrolment) return
    if (why !== undefined) return fail(known, `the test from inside of it failed: ${why}`)
    if (known.state === 'failed') tell(known, 'Normal', 'Intercepted', 'interception works again')
    settle(known, 'intercepted', '')
    known.attempts = 0
  }
  const isProofDue = ({ state, provenAtMs }: Known): boolean =>
    state !== 'intercepted' || (options.selfTestIntervalMs > 0 && nowMs() - provenAtMs >= options.selfTestIntervalMs)

  const begin = async (known: Known, facts: WorkloadFacts, policy: PodPolicy, place: Place): Promise<void> => {
    const startedMs = nowMs()
    const before = known.enrolment
    const enrolment = await options.enrol(facts, policy, place)
    // The policy names the new listeners already: whatever the elder ones still have ends by itself.
    if (before) await release(known, 'opt_out')
    known.enrolment = enrolment
    cookies.set(enrolment.netnsCookie, known)
    metrics.enrolled((nowMs() - startedMs) / 1000)
    settle(known, 'intercepted', '')
    known.attempts = 0
    const { mode } = enrolment.workload
    const how = `mode ${mode}, fail ${policy.fail ?? 'as the agent says'}${before ? '; interception was begun anew' : ''}`
    tell(known, 'Normal', 'Intercepted', `connections of this pod go through the agent: ${how}`)
    log.info({ namespace: facts.namespace, pod: facts.name, mode, netns: place.path }, 'a workload is intercepted')
    await prove(known, enrolment)
  }

  /** What there is stays if it is as it should be. */
  const keep = async (
    known: Known,
    enrolment: Enrolment,
    facts: WorkloadFacts,
    policy: PodPolicy,
  ): Promise<boolean> => {
    if (!isStillThere(enrolment.place)) {
      const place = await locate(facts)
      // Without a process it has nothing that could connect; it may be between two sandboxes.
      if (place.kind === 'refused' || (place.kind === 'found' && place.inode !== enrolment.place.inode)) {
        metrics.repaired('netns')
        await release(known, 'gone')
        return false
      }
    }
    if (shapeOf(policy) !== enrolment.shape) {
      metrics.repaired('annotation')
      return false
    }
    enrolment.describe(facts, policy)
    for (const what of await enrolment.repair()) {
      metrics.repaired(what)
      tell(known, 'Normal', 'Intercepted', `interception was repaired: the ${what} was not as it should be`)
      log.warn({ namespace: facts.namespace, pod: facts.name, what }, 'interception was repaired')
      if (what === 'listener') return false
    }
    if (isProofDue(known)) await prove(known, enrolment)
    return true
  }

  const want = async (known: Known, facts: WorkloadFacts, policy: PodPolicy): Promise<void> => {
    const { until } = policy
    const seenAtMs = until?.kind === 'duration' ? options.firstSeen(facts.uid, facts.annotations['until'] ?? '') : 0
    const endsAtMs = endOf(until, seenAtMs)
    if (nowMs() >= endsAtMs)
      return leave(known, 'stopped', 'the time of its annotation `until` is over', 'InterceptionStopped')
    const { enrolment } = known
    if (enrolment && (await keep(known, enrolment, facts, policy))) {
      if (Number.isFinite(endsAtMs)) retryIn(known, endsAtMs - nowMs())
      return
    }
    const place = await locate(facts)
    if (place.kind === 'refused') return leave(known, 'skipped', place.why, 'InterceptionSkipped')
    if (place.kind === 'waiting') return waitFor(known, place.why)
    await begin(known, facts, policy, place)
    if (Number.isFinite(endsAtMs)) retryIn(known, endsAtMs - nowMs())
  }

  const act = async (uid: string): Promise<void> => {
    const facts = source.get(uid)
    if (!facts || facts.hasEnded) return forget(uid)
    if (!isOwner()) return
    const judgement = judge(facts)
    if (judgement.kind === 'unasked' && judgement.warnings.length === 0 && !all.has(uid)) return
    const known = knownOf(facts)
    for (const warning of judgement.warnings) tell(known, 'Warning', 'InterceptionSkipped', warning)
    switch (judgement.kind) {
      case 'unasked':
        await leave(known, 'stopped', 'it does not ask to be intercepted any more', 'InterceptionStopped')
        clearTimeout(known.retry)
        return void all.delete(uid)
      case 'waiting':
        return waitFor(known, judgement.why)
      case 'skipped':
        return leave(known, 'skipped', judgement.why, 'InterceptionSkipped')
      case 'wanted':
        return want(known, facts, judgement.policy)
    }
  }

  const work = async (uid: string): Promise<void> => {
    busy.add(uid)
    try {
      await act(uid)
    } catch (error) {
      const known = all.get(uid)
      if (known) fail(known, messageOf(error))
      else log.error({ err: error, uid }, 'a workload could not be looked at')
    } finally {
      busy.delete(uid)
      next()
    }
  }
  const next = (): void => {
    for (const uid of waiting) {
      if (busy.size >= WORKERS || isClosed) break
      if (busy.has(uid)) continue
      waiting.delete(uid)
      void work(uid)
    }
    if (busy.size === 0 && (waiting.size === 0 || isClosed)) onIdle?.()
  }
  const look = (uid: string): void => {
    if (isClosed) return
    waiting.add(uid)
    next()
  }
  const idle = (): Promise<void> =>
    new Promise((resolve) => {
      const before = onIdle
      onIdle = () => {
        before?.()
        onIdle = undefined
        resolve()
      }
      next()
    })

  return {
    look,
    lookAtAll: () => {
      for (const { uid } of source.all()) waiting.add(uid)
      for (const uid of all.keys()) waiting.add(uid)
      return idle()
    },
    known: () => all.values(),
    byCookie: (cookie) => cookies.get(cookie),
    get: (uid) => all.get(uid),
    close: async (end) => {
      isClosed = true
      waiting.clear()
      await idle()
      for (const known of all.values()) clearTimeout(known.retry)
      const enrolments = [...all.values()].flatMap(({ enrolment }) => enrolment ?? [])
      await Promise.all(enrolments.map(end))
    },
  }
}
