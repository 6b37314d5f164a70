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
import { createStates, type Known, type States } from './known.ts'
import { isStillThere, type Locate, type Place } from './locate.ts'
import { createWorkQueue } from './work-queue.ts'

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

/** What the steps of the loop work with. */
interface Desk extends ReconcileOptions {
  readonly states: States
  readonly cookies: Map<bigint, Known>
  /** Warnings that were told of workloads, asked for or not: the same is not told each time that one is looked at. */
  readonly warned: Map<string, string>
}

/** Workloads acted on at once: opening listeners waits for child processes. */
const WORKERS = 8

const messageOf = (error: unknown): string => {
  if (!(error instanceof UnderstudyError)) return error instanceof Error ? error.message : String(error)
  return error.remedy ? `${error.message}. ${error.remedy}` : error.message
}

/** New connections go direct at once; the last ones that are left end by themselves. */
const release = ({ cookies, drainMs, log }: Desk, known: Known, how: 'opt_out' | 'gone' | 'handed_over'): void => {
  const { enrolment } = known
  if (!enrolment) return
  delete known.enrolment
  if (cookies.get(enrolment.netnsCookie) === known) cookies.delete(enrolment.netnsCookie)
  enrolment.end(how, drainMs).catch((err: unknown) => log.error({ err }, 'clearing up failed in part'))
}

const forget = (desk: Desk, uid: string): void => {
  desk.warned.delete(uid)
  const known = desk.states.get(uid)
  if (known) {
    release(desk, known, 'gone')
    desk.states.forget(uid)
  }
  // Of one that never asked to be intercepted there are metrics, too; one that has only ended is looked at again and again.
  if (known || !desk.source.get(uid)) desk.onGone(uid)
}

const leave = (desk: Desk, known: Known, state: WorkloadState, why: string, reason: EventReason): void => {
  const { states } = desk
  const was = known.enrolment !== undefined
  const isNews = known.state !== state || known.why !== why
  release(desk, known, 'opt_out')
  states.settle(known, state, why)
  known.attempts = 0
  if (was) states.tell(known, 'Normal', 'InterceptionStopped', why)
  if (reason !== 'InterceptionStopped' && isNews) states.tell(known, 'Warning', reason, why)
}

/** Tries it from inside, after a failure or now and then. */
const prove = async (desk: Desk, known: Known, enrolment: Enrolment): Promise<void> => {
  const { states, nowMs } = desk
  known.provenAtMs = nowMs()
  const why = await desk.prove(enrolment)
  if (known.enrolment !== enrolment) return
  if (why !== undefined) return states.fail(known, `the test from inside of it failed: ${why}`)
  if (known.state === 'failed') states.tell(known, 'Normal', 'Intercepted', 'interception works again')
  states.settle(known, 'intercepted', '')
  known.attempts = 0
}

const isProofDue = ({ selfTestIntervalMs, nowMs }: Desk, { state, provenAtMs }: Known): boolean =>
  state !== 'intercepted' || (selfTestIntervalMs > 0 && nowMs() - provenAtMs >= selfTestIntervalMs)

const begin = async (
  desk: Desk,
  known: Known,
  facts: WorkloadFacts,
  policy: PodPolicy,
  place: Place,
): Promise<void> => {
  const { states, metrics, log, cookies, nowMs } = desk
  const startedMs = nowMs()
  const before = known.enrolment
  const enrolment = await desk.enrol(facts, policy, place)
  // The policy names the new listeners already: whatever the elder ones still have ends by itself.
  if (before) release(desk, known, 'handed_over')
  known.enrolment = enrolment
  cookies.set(enrolment.netnsCookie, known)
  metrics.enrolled((nowMs() - startedMs) / 1000)
  states.settle(known, 'intercepted', '')
  known.attempts = 0
  const { mode } = enrolment.workload
  const how = `mode ${mode}, fail ${policy.fail ?? 'as the agent says'}${before ? '; interception was begun anew' : ''}`
  states.tell(known, 'Normal', 'Intercepted', `connections of this pod go through the agent: ${how}`)
  log.info({ namespace: facts.namespace, pod: facts.name, mode, netns: place.path }, 'a workload is intercepted')
  await prove(desk, known, enrolment)
}

/** Whether the workload is where it was. One without a process may be between two sandboxes: nothing of it connects. */
const isInPlace = async ({ locate }: Desk, { place }: Enrolment, facts: WorkloadFacts): Promise<boolean> => {
  if (isStillThere(place)) return true
  const found = await locate(facts)
  return found.kind === 'waiting' || (found.kind === 'found' && found.inode === place.inode)
}

/** Puts right what is not as it should be; false where it has to be begun anew. */
const keep = async (
  desk: Desk,
  known: Known,
  enrolment: Enrolment,
  facts: WorkloadFacts,
  policy: PodPolicy,
): Promise<boolean> => {
  const { states, metrics, log } = desk
  if (!(await isInPlace(desk, enrolment, facts))) {
    metrics.repaired('netns')
    release(desk, known, 'gone')
    return false
  }
  if (shapeOf(policy) !== enrolment.shape) {
    metrics.repaired('annotation')
    return false
  }
  enrolment.describe(facts, policy)
  for (const what of enrolment.repair()) {
    metrics.repaired(what)
    states.tell(known, 'Normal', 'Intercepted', `interception was repaired: the ${what} was not as it should be`)
    log.warn({ namespace: facts.namespace, pod: facts.name, what }, 'interception was repaired')
    if (what === 'listener') return false
  }
  if (isProofDue(desk, known)) await prove(desk, known, enrolment)
  return true
}

const want = async (desk: Desk, known: Known, facts: WorkloadFacts, policy: PodPolicy): Promise<void> => {
  const { states, nowMs } = desk
  const { until } = policy
  const seenAtMs = until?.kind === 'duration' ? desk.firstSeen(facts.uid, facts.annotations['until'] ?? '') : 0
  const endsAtMs = endOf(until, seenAtMs)
  if (nowMs() >= endsAtMs) {
    return leave(desk, known, 'stopped', 'the time of its annotation `until` is over', 'InterceptionStopped')
  }
  const { enrolment } = known
  if (!enrolment || !(await keep(desk, known, enrolment, facts, policy))) {
    const place = await desk.locate(facts)
    if (place.kind === 'refused') return leave(desk, known, 'skipped', place.why, 'InterceptionSkipped')
    if (place.kind === 'waiting') return states.waitFor(known, place.why)
    await begin(desk, known, facts, policy, place)
  }
  if (Number.isFinite(endsAtMs) && known.state === 'intercepted') states.retryIn(known, endsAtMs - nowMs())
}

const warn = ({ warned, events }: Desk, { uid, namespace, name }: WorkloadFacts, warnings: readonly string[]): void => {
  const text = warnings.join('; ')
  if ((warned.get(uid) ?? '') === text) return
  if (text === '') return void warned.delete(uid)
  warned.set(uid, text)
  events.report({ uid, namespace, name }, 'Warning', 'InterceptionSkipped', text)
}

const act = async (desk: Desk, uid: string): Promise<void> => {
  const { source, states } = desk
  const facts = source.get(uid)
  if (!facts || facts.hasEnded) return forget(desk, uid)
  if (!desk.isOwner()) return
  const judgement = desk.judge(facts)
  warn(desk, facts, judgement.warnings)
  if (judgement.kind === 'unasked' && !states.get(uid)) return
  const known = states.of(facts)
  switch (judgement.kind) {
    case 'unasked':
      leave(desk, known, 'stopped', 'it does not ask to be intercepted any more', 'InterceptionStopped')
      return states.forget(uid)
    case 'waiting':
      return states.waitFor(known, judgement.why)
    case 'skipped':
      return leave(desk, known, 'skipped', judgement.why, 'InterceptionSkipped')
    case 'wanted':
      return want(desk, known, facts, judgement.policy)
  }
}

export const createReconcile = (options: ReconcileOptions): Reconcile => {
  const { source, log } = options
  const look = (uid: string): void => queue.add(uid)
  const states = createStates({ ...options, look })
  const desk: Desk = { ...options, states, cookies: new Map(), warned: new Map() }
  const queue = createWorkQueue(WORKERS, async (uid) => {
    try {
      await act(desk, uid)
    } catch (error) {
      const known = states.get(uid)
      if (known) states.fail(known, messageOf(error))
      else log.error({ err: error, uid }, 'a workload could not be looked at')
    }
  })
  return {
    look,
    lookAtAll: () => {
      // One that is looked at already would be looked at again for each time that it is named.
      for (const uid of new Set([...source.all(), ...states.all()].map((one) => one.uid))) look(uid)
      return queue.idle()
    },
    known: states.all,
    byCookie: (cookie) => desk.cookies.get(cookie),
    get: states.get,
    close: async (end) => {
      await queue.close()
      for (const { retry } of states.all()) clearTimeout(retry)
      await Promise.all([...states.all()].flatMap(({ enrolment }) => (enrolment ? [end(enrolment)] : [])))
    },
  }
}
