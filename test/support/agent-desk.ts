/** The reconcile loop of an agent on parts that the test holds: workloads, places and enrolments are what it says they are. */
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { type Enrolment, shapeOf } from '../../src/agent/enrolment.ts'
import { type Allowed, judge } from '../../src/agent/judge.ts'
import type { Location, Place } from '../../src/agent/locate.ts'
import { createReconcile, type ReconcileOptions } from '../../src/agent/reconcile.ts'
import type { PodPolicy } from '../../src/config/annotations.ts'
import type { AgentMetrics } from '../../src/record/metrics-agent.ts'
import type { WorkloadFacts, WorkloadSource } from '../../src/workloads/source.ts'
import { makeTree } from './cgroup-tree.ts'

export const factsOf = (uid: string, changes: Partial<WorkloadFacts> = {}): WorkloadFacts => ({
  ...{ uid, namespace: 'shop', name: `pod-${uid}`, labels: {}, annotations: { intercept: 'true' } },
  ...{ refusedAnnotations: [], ips: ['10.1.0.7'], isHostNetwork: false, hasEnded: false },
  ...{ cgroupUid: uid, containerIds: [], createdAtMs: 0 },
  ...changes,
})

const ALLOWED: Allowed = {
  ...{ enrolNamespaces: ['shop'], enrolNamespaceLabels: {}, agentNamespace: 'understudy', excludePorts: [] },
}

/** One that the test can break, and that notes how it ended. */
export interface MadeEnrolment {
  readonly uid: string
  readonly policy: PodPolicy
  readonly enrolment: Enrolment
  /** What `repair` finds the next time. */
  broken: ('listener' | 'policy')[]
  described: number
  ended?: string
}

/** Time stands still, but for the timers that the test lets run. */
export const openDesk = (t: TestContext, options: Partial<ReconcileOptions> = {}) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000_000_000 })
  const folder = makeTree(t, [])
  const workloads = new Map<string, WorkloadFacts>()
  const told: string[] = []
  const counted: string[] = []
  const made: MadeEnrolment[] = []
  /** How often each was ended. */
  const ends = new Map<MadeEnrolment, number>()
  const gone: string[] = []
  const health = { isSynced: true }
  const desk = {
    isOwner: true,
    enrolFails: undefined as Error | undefined,
    proof: undefined as string | undefined,
    proofs: 0,
  }
  const source: WorkloadSource = {
    ...{ name: 'file', start: () => {}, health: () => health, close: async () => {} },
    get: (uid) => workloads.get(uid),
    all: () => workloads.values(),
    namespaceLabels: () => undefined,
  }
  const places = new Map<string, Exclude<Location, Place>>()
  const fileOf = (uid: string): string => join(folder, uid)
  const locate = async ({ uid }: WorkloadFacts): Promise<Location> => {
    const other = places.get(uid)
    if (other) return other
    writeFileSync(fileOf(uid), '', { flag: 'a' })
    return { kind: 'found', path: fileOf(uid), inode: statSync(fileOf(uid), { bigint: true }).ino }
  }
  const enrol = async (facts: WorkloadFacts, policy: PodPolicy, place: Place): Promise<Enrolment> => {
    if (desk.enrolFails) throw desk.enrolFails
    const workload = { id: made.length + 1, name: facts.name, mode: policy.mode ?? 'mock' }
    const one: MadeEnrolment = {
      ...{ uid: facts.uid, policy, broken: [], described: 0 },
      enrolment: {
        ...{ place, workload, netnsCookie: place.inode, testDestinations: [], shape: shapeOf(policy) },
        netns: {} as Enrolment['netns'],
        describe: () => void one.described++,
        isInForce: () => true,
        repair: () => one.broken.splice(0),
        lift: () => {},
        end: async (why) => {
          one.ended = why
          ends.set(one, (ends.get(one) ?? 0) + 1)
        },
      },
    }
    made.push(one)
    return one.enrolment
  }
  const metrics = {
    enrolled: () => void counted.push('enrolled'),
    repaired: (what: string) => void counted.push(`repaired ${what}`),
  } as Partial<AgentMetrics> as AgentMetrics
  const events: ReconcileOptions['events'] = {
    report: ({ uid }, type, reason, message) => void told.push(`${uid} ${type} ${reason}: ${message}`),
    close: async () => {},
  }
  const prove = async (): Promise<string | undefined> => {
    desk.proofs++
    return desk.proof
  }
  const reconcile = createReconcile({
    ...{ source, events, metrics, log: pino({ enabled: false }), locate, enrol, prove },
    judge: (facts) => judge(facts, undefined, ALLOWED),
    firstSeen: () => Date.now(),
    isOwner: () => desk.isOwner,
    onGone: (uid) => void gone.push(uid),
    nowMs: Date.now,
    ...{ drainMs: 1000, selfTestIntervalMs: 0 },
    ...options,
  })
  t.after(() => reconcile.close(async () => {}))
  return {
    ...{ reconcile, source, events, metrics, workloads, places, told, counted, made, ends, gone, desk, health },
    /** Puts these in place of what there was of them, and looks at all. */
    set: async (...given: readonly WorkloadFacts[]) => {
      for (const facts of given) workloads.set(facts.uid, facts)
      await reconcile.lookAtAll()
    },
    /** Its network namespace is another from now on. */
    replaceNetns: (uid: string) => {
      // The new file is there before the old one goes: its number is another.
      writeFileSync(`${fileOf(uid)}.new`, '')
      renameSync(`${fileOf(uid)}.new`, fileOf(uid))
    },
    removeNetns: (uid: string) => rmSync(fileOf(uid)),
    /** What is told from now on. */
    newlyTold: () => told.splice(0),
    stateOf: (uid: string) => reconcile.get(uid)?.state,
    /** Lets time go on, and what is due then happen. */
    pass: async (ms: number) => {
      t.mock.timers.tick(ms)
      // Whatever a retry has asked for.
      await reconcile.lookAtAll()
    },
  }
}
