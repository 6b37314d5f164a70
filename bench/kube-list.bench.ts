/** What a list of 5,000 pods costs the agent that reads it: resident memory at the most, beside a parse of the whole body. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { note, type Row, report } from './support/report.ts'

const PODS = 5000
const ROUNDS = 3
const MOST_MIB = 30

interface Listed {
  readonly pods: number
  readonly mib: number
  readonly ms: number
}

/** As bin/understudy starts the agent. */
const AGENT_FLAGS = ['--max-semi-space-size=2', '--expose-gc']

const start = (name: string, execArgv: string[], ...argv: readonly string[]): ChildProcess =>
  fork(`${import.meta.dirname}/support/${name}.ts`, argv, { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })

/** The worst of some processes, each of which lists once. */
const worst = async (way: 'stream' | 'whole', url: string): Promise<Listed> => {
  let found: Listed = { pods: 0, mib: 0, ms: 0 }
  for (let round = 0; round < ROUNDS; round += 1) {
    const [listed] = (await once(start('kube-list-subject', AGENT_FLAGS, way, url), 'message')) as [Listed]
    if (listed.pods !== PODS) throw new Error(`${listed.pods} pods were read, not ${PODS}`)
    if (listed.mib > found.mib) found = listed
  }
  return found
}

const server = start('kube-server', [], String(PODS))
try {
  const [url] = (await once(server, 'message')) as [string]
  const rows: Row[] = []
  for (const way of ['stream', 'whole'] as const) {
    const { mib, ms } = await worst(way, url)
    note(`kube-list: ${way} ${mib.toFixed(1)} MiB, ${ms.toFixed(0)} ms`)
    rows.push({
      question: `resident memory that a list of ${PODS} pods adds at the most, ${
        way === 'stream' ? 'read as a stream' : 'its body parsed whole'
      }`,
      reference: way === 'stream' ? 'a limit' : 'what is not done',
      measured: { kind: 'amount', value: mib, unit: 'MiB' },
      target: way === 'stream' ? { atMost: MOST_MIB } : {},
    })
  }
  report(rows)
} finally {
  server.disconnect()
}
