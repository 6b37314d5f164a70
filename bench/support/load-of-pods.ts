/** Pods of a mini-node whose programs send requests all the time, and what has become of these. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentLab, AgentProcess } from '../../test/support/mini-node/agent-lab.ts'
import type { Pod } from '../../test/support/mini-node/interface.ts'
import { pause } from './on-node.ts'
import type { Failure, Said } from './pod-load.ts'

const PROGRAM = readFileSync(join(import.meta.dirname, 'pod-load.ts'), 'utf8')
/** A program says what it has sent each half second; then its log has to be read. */
const SETTLE_MS = 1500

export interface LoadTold {
  readonly sent: number
  readonly failed: readonly Failure[]
  readonly mocked: number
  readonly directNs: readonly number[]
  /** When the pods were intercepted again after they were not, each; 0 where that did not happen. */
  readonly backNs: readonly number[]
}

export interface LoadOfPods {
  /** What was said since the last call; waits until all there is to say has been. */
  told(): Promise<LoadTold>
}

/** Starts so many pods that send so many requests a second together; resolves when all are intercepted. */
export const startLoad = async (
  lab: AgentLab,
  agent: AgentProcess,
  { pods, perSecond }: { readonly pods: number; readonly perSecond: number },
): Promise<LoadOfPods> => {
  const made: Pod[] = []
  const read = new Map<Pod, number>()
  for (let number = 0; number < pods; number++) {
    const pod = await lab.createPod({
      image: 'node',
      command: ['node', '--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '-e', PROGRAM],
      env: { LOAD_URL: lab.upstream.url, LOAD_PER_SECOND: `${perSecond / pods}` },
    })
    await agent.sees(pod, 'intercepted')
    made.push(pod)
  }
  const linesOf = (pod: Pod): Said[] => {
    const lines = pod.log().split('\n').slice(0, -1)
    const from = read.get(pod) ?? 0
    read.set(pod, lines.length)
    return lines.slice(from).map((line) => {
      if (!line.startsWith('{')) throw new Error(`a program of the load says: ${lines.slice(0, 20).join('\n')}`)
      return JSON.parse(line) as Said
    })
  }
  return {
    told: async () => {
      await pause(SETTLE_MS)
      const each = made.map(linesOf)
      const all = each.flat()
      if (each.some((lines) => lines.length === 0)) throw new Error('a pod of the load says nothing')
      return {
        sent: all.reduce((sum, { sent }) => sum + sent, 0),
        failed: all.flatMap(({ failed }) => failed),
        mocked: all.reduce((sum, { mocked }) => sum + mocked, 0),
        directNs: all.flatMap(({ directNs }) => directNs),
        backNs: each.map((lines) => Math.max(0, ...lines.map(({ backNs }) => backNs))),
      }
    },
  }
}
