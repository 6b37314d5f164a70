/**
 * What does a cluster of 5,000 pods cost the agent of one of its nodes? Its resident memory at the most, from its start
 * until it is ready and a while after, when its node has none of them, a node's worth, and all of them.
 */
import type { AgentLab } from '../test/support/mini-node/agent-lab.ts'
import { realisticPod } from './support/kube-pods.ts'
import { count, onNode, pause } from './support/on-node.ts'
import { highestResidentMib } from './support/process-usage.ts'
import { note, type Row, report } from './support/report.ts'

const PODS = count('pods', 5000)
const ON_NODE = count('on-node', 110)
const SETTLE_MS = 8000
const TEAMS = 40

interface Read {
  readonly mib: number
  readonly readyMs: number
  readonly known: number
}

/** The whole life of an agent, as long as it takes to have read its pods. */
const read = async (lab: AgentLab, name: string): Promise<Read> => {
  const agent = await lab.startAgent({ reconcileIntervalMs: 10_000, drainMs: 0 }, false)
  const begun = performance.now()
  while (!(await agent.admin('/readyz').catch(() => '')).includes('"ok":true')) await pause(50)
  const readyMs = performance.now() - begun
  await pause(SETTLE_MS)
  const [mib, known] = [highestResidentMib(agent.pid), (await agent.workloads()).length]
  await agent.stop()
  note(`pod-list: ${name}: ${mib.toFixed(1)} MiB at the most, ready after ${Math.round(readyMs)} ms, ${known} known`)
  return { mib, readyMs, known }
}

/** Puts `onNode` of all pods on the lab's node; each says that it wants to be intercepted, and has no cgroup here. */
const fill = ({ api, node }: AgentLab, onNode: number): void => {
  for (let number = 0; number < PODS; number++) {
    const pod = realisticPod(number)
    const uid = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
    const spec = { ...(pod['spec'] as object), nodeName: number < onNode ? node.name : 'node-1' }
    api.createPod({ ...pod, metadata: { ...pod.metadata, uid }, spec })
  }
}

await onNode(async (lab) => {
  for (let team = 0; team < TEAMS; team++)
    lab.api.createNamespace(`team-${team}`, { 'understudy.dev/interception': 'enabled' })
  await read(lab, 'a start that compiles what has changed since the last')
  const none = await read(lab, 'no pod in the cluster')
  fill(lab, ON_NODE)
  const some = await read(lab, `${ON_NODE} of ${PODS} on the node`)
  fill(lab, PODS)
  const all = await read(lab, `all ${PODS} on the node`)
  const row = (question: string, { mib }: Read, target: Row['target']): Row => ({
    question,
    reference: 'the same agent with no pod in the cluster',
    measured: { kind: 'amount', value: mib - none.mib, unit: 'MiB' },
    target,
  })
  const most = 'most resident memory that the agent adds'
  report([
    row(`${most}, ${PODS} pods in the cluster, ${ON_NODE} on its node`, some, { atMost: 30 }),
    row(`${most}, all ${PODS} on its node and wanting to be intercepted`, all, {}),
  ])
})
