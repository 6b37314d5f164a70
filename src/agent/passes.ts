/** Now and then, all that should be there is compared with what is: the programs, then each workload, then what is left over. */
import type { Logger } from 'pino'
import type { Kernel } from '../kernel/programs.ts'
import type { AgentMetrics } from '../record/metrics-agent.ts'
import type { WorkloadEvents, WorkloadFacts, WorkloadSource } from '../workloads/source.ts'
import type { Ownership } from './ownership.ts'
import { removePolicies, strangersOf } from './policy-ids.ts'
import type { Reconcile } from './reconcile.ts'

export interface PassOptions {
  readonly kernel: Kernel
  readonly source: WorkloadSource
  readonly events: WorkloadEvents
  readonly ownership: Ownership
  readonly reconcile: Reconcile
  /** The network namespace of a workload; undefined where it cannot be found, or is the node's. */
  readonly cookieOf: (facts: WorkloadFacts) => Promise<bigint | undefined>
  readonly metrics: AgentMetrics
  readonly log: Logger
  readonly intervalMs: number
  /** Everything that the source has told was looked at once. */
  readonly onReady: () => void
}

export interface Passes {
  close(): Promise<void>
}

const SOON_MS = 50
/** A younger agent that dies leaves programs behind that send nobody anywhere: the elder is not to wait for its next look. */
const IN_CHARGE_MS = 500

const repairLinks = ({ kernel, events, reconcile, metrics, log }: PassOptions): void => {
  for (const what of kernel.repairLinks()) {
    metrics.repaired('link')
    log.warn({ link: what }, 'a program was not where it should be and was put back')
    for (const known of reconcile.known()) {
      if (known.enrolment) events.report(known, 'Normal', 'Intercepted', `interception was repaired: ${what}`)
    }
  }
}

/**
 * While some workloads are still to be found, a policy that nobody has yet may be an elder agent's for one of them: then only
 * those of workloads that are there and not to be intercepted go.
 */
const removeStrangers = async ({ kernel, source, reconcile, cookieOf, log }: PassOptions): Promise<void> => {
  let strangers = strangersOf(kernel, (cookie) => reconcile.byCookie(cookie) !== undefined)
  if (strangers.size === 0) return
  if ([...reconcile.known()].some(({ state }) => state === 'waiting' || state === 'failed')) {
    const left = new Map<bigint, number>()
    for (const facts of source.all()) {
      const known = reconcile.get(facts.uid)
      if (known && known.state !== 'skipped' && known.state !== 'stopped') continue
      const cookie = await cookieOf(facts)
      const id = cookie === undefined ? undefined : strangers.get(cookie)
      if (cookie !== undefined && id !== undefined) left.set(cookie, id)
    }
    strangers = new Map([...left].filter(([cookie]) => reconcile.byCookie(cookie) === undefined))
  }
  removePolicies(kernel, strangers)
  if (strangers.size > 0) log.info({ removed: strangers.size }, 'policies that no workload has any more were removed')
}

const pass = async (options: PassOptions): Promise<void> => {
  const { source, ownership, reconcile, log } = options
  try {
    if (ownership.isOwner()) repairLinks(options)
  } catch (err) {
    log.error({ err }, 'the programs could not be put back')
  }
  await reconcile.lookAtAll()
  if (ownership.isOwner() && source.health().isSynced) await removeStrangers(options)
}

/** Starts the source, looks at what it tells, and at everything each `intervalMs`. */
export const startPasses = (options: PassOptions): Passes => {
  const { source, reconcile, ownership, log, intervalMs } = options
  let hasLooked = false
  let running: Promise<void> | undefined
  let isAskedAgain = false
  let isClosed = false
  const tick = (): void => {
    const wasSynced = source.health().isSynced
    running ??= pass(options)
      .then(() => {
        if (hasLooked || !wasSynced) return
        hasLooked = true
        options.onReady()
      })
      .catch((err: unknown) => log.error({ err }, 'what should be there could not be compared'))
      .finally(() => {
        running = undefined
        if (!isAskedAgain || isClosed) return
        isAskedAgain = false
        tick()
      })
  }
  source.start((uid) => reconcile.look(uid))
  const timer = setInterval(tick, intervalMs).unref()
  // As soon as the source has told all, so that an agent which takes over is ready for it.
  const soon = setInterval(() => {
    if (!source.health().isSynced) return
    if (hasLooked) clearInterval(soon)
    else tick()
  }, SOON_MS).unref()
  let turn = ownership.turn()
  const charge = setInterval(() => {
    if (!ownership.isOwner() || ownership.turn() === turn) return
    turn = ownership.turn()
    log.info('an agent has come or gone, and this one is in charge: everything is looked at')
    // What is being looked at may have been looked at while another was in charge.
    if (running) isAskedAgain = true
    else tick()
  }, IN_CHARGE_MS).unref()
  return {
    close: async () => {
      isClosed = true
      clearInterval(timer)
      clearInterval(charge)
      clearInterval(soon)
      await running
      await source.close()
    },
  }
}
