/**
 * How long is a pod without interception? From when its sandbox has its addresses and the API server tells of them to the
 * first connection from inside that is intercepted; and what becomes of the first connection of a container that starts
 * at once.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { AgentLab } from '../test/support/mini-node/agent-lab.ts'
import type { Pod } from '../test/support/mini-node/interface.ts'
import { NODE_NET } from '../test/support/mini-node/runtime-config.ts'
import { count, mockPath, nowNs, onNode } from './support/on-node.ts'
import { note, report } from './support/report.ts'
import { compile } from './support/site.ts'
import { quantile } from './support/statistics.ts'

const PODS = count('pods', 200)
/** Pods that are there at once. */
const KEPT = 10
const LIMIT_MS = 20_000
/** Discard: nobody listens there. */
const PORT = 9
const NS_PER_MS = 1e6

const first = promisify(execFile)
const program = compile('first-mock')

interface Enrolled {
  readonly pod: Pod
  readonly ms: number
  /** Connections before, one a millisecond, that went to where nobody is. */
  readonly missed: number
}

/** The prober has no part in the time: it runs before the container is made. */
const enrolOne = async (lab: AgentLab): Promise<Enrolled> => {
  let begunNs = 0
  let probe: Promise<{ stdout: string }> | undefined
  const url = `http://${NODE_NET.served4}:${PORT}/first`
  const pod = await lab.createPod({
    command: ['sh', '-c', `wget -q -O - ${url}; echo; exec sleep 3600`],
    beforeContainers: (made) => {
      begunNs = nowNs()
      const procs = join(made.cgroupPath, made.sandboxId, 'cgroup.procs')
      probe = first(program, [made.netnsPath, procs, NODE_NET.served4, `${PORT}`, `${LIMIT_MS}`])
    },
  })
  const [missed = 0, atNs = 0] = ((await probe)?.stdout ?? '').trim().split(' ').map(Number)
  return { pod, missed, ms: (atNs - begunNs) / NS_PER_MS }
}

/** What the container's own first connection came to; the container may still be at it. */
const isFirstMocked = async ({ log }: Pod): Promise<boolean> => {
  for (const deadline = Date.now() + LIMIT_MS; Date.now() < deadline; ) {
    const text = log()
    if (text !== '') return text.includes('mocked')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('a container has said nothing of its first connection')
}

await onNode(async (lab) => {
  const agent = await lab.startAgent()
  await mockPath(agent, '/first')
  const times: number[] = []
  const misses: number[] = []
  let firstMissed = 0
  const kept: Pod[] = []
  for (let made = 0; made < PODS; made++) {
    const { pod, ms, missed } = await enrolOne(lab)
    times.push(ms)
    misses.push(missed)
    if (!(await isFirstMocked(pod))) firstMissed++
    kept.push(pod)
    if (kept.length > KEPT) await kept.shift()?.remove()
    if (made % 50 === 49) note(`enrolment: ${made + 1} pods`)
  }
  const of = `${PODS} pods, one after the other`
  const amount = (value: number, unit: string) => ({ kind: 'amount' as const, value, unit })
  note(`enrolment: p50 ${quantile(misses, 0.5)}, p99 ${quantile(misses, 0.99)} connections went direct before`)
  report([
    {
      question: `network of a pod told of -> first intercepted connection, p99 of ${of}`,
      reference: 'a limit',
      measured: amount(quantile(times, 0.99), 'ms'),
      target: { atMost: 300 },
    },
    { question: 'the same, p50', reference: '', measured: amount(quantile(times, 0.5), 'ms'), target: {} },
    { question: 'the same, at the most', reference: '', measured: amount(Math.max(...times), 'ms'), target: {} },
    {
      question: 'first connections missed of containers that connect as they start',
      reference: `all ${PODS} containers`,
      measured: amount((100 * firstMissed) / PODS, '%'),
      target: {},
    },
  ])
})
