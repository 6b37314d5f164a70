/** What does an agent take that has a full node to serve, and nothing to do? Beside the same agent without a pod. */
import type { AgentProcess } from '../test/support/mini-node/agent-lab.ts'
import { count, onNode, pause } from './support/on-node.ts'
import { processorSeconds, residentMib } from './support/process-usage.ts'
import { note, report } from './support/report.ts'

const PODS = count('pods', 110)
const IDLE_S = count('seconds', 40)
/** The last collection of a start is over by then. */
const SETTLE_MS = 5000

interface Idle {
  readonly mib: number
  readonly percent: number
}

/** Over a time in which nobody asks anything of it. */
const idleOf = async ({ pid }: AgentProcess): Promise<Idle> => {
  await pause(SETTLE_MS)
  const [begun, before] = [performance.now(), processorSeconds(pid)]
  await pause(IDLE_S * 1000)
  const seconds = (performance.now() - begun) / 1000
  return { mib: residentMib(pid), percent: (100 * (processorSeconds(pid) - before)) / seconds }
}

await onNode(async (lab) => {
  const agent = await lab.startAgent({ reconcileIntervalMs: 10_000 }) // the default; the lab's own is for tests
  const without = await idleOf(agent)
  note(`node-memory: without pods ${without.mib.toFixed(1)} MiB, ${without.percent.toFixed(2)} %`)
  for (let made = 0; made < PODS; made++) {
    await agent.sees(await lab.createPod(), 'intercepted')
    if (made % 20 === 19) note(`node-memory: ${made + 1} pods, ${residentMib(agent.pid).toFixed(1)} MiB`)
  }
  const full = await idleOf(agent)
  const states = (await agent.workloads()).filter(({ state }) => state === 'intercepted').length
  if (states !== PODS) throw new Error(`${states} of ${PODS} pods are intercepted`)
  const [mib, percent] = ['MiB', '% of a core']
  report([
    {
      question: `resident memory of the agent with ${PODS} enrolled pods`,
      reference: `a limit; ${without.mib.toFixed(1)} MiB without a pod`,
      measured: { kind: 'amount', value: full.mib, unit: mib },
      target: { atMost: 150 },
    },
    {
      question: `processor time of it, idle over ${IDLE_S} s`,
      reference: `a limit; ${without.percent.toFixed(2)} % without a pod`,
      measured: { kind: 'amount', value: full.percent, unit: percent },
      target: { atMost: 1 },
    },
  ])
})
