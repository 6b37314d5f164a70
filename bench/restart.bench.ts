/**
 * What do pods notice of an agent that is restarted, upgraded or killed? Requests at a steady rate, over new and kept
 * connections, while it happens, against the same requests while nothing happens.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentLab, AgentProcess } from '../test/support/mini-node/agent-lab.ts'
import { type LoadTold, startLoad } from './support/load-of-pods.ts'
import { count, nowNs, onNode, pause } from './support/on-node.ts'
import { note, type Row, report } from './support/report.ts'
import { median } from './support/statistics.ts'

const PODS = count('pods', 10)
const PER_SECOND = count('per-second', 200)
const ROUNDS = count('rounds', 3)
/** Before and after what happens. */
const AROUND_MS = count('around-ms', 4000)
const NS_PER_MS = 1e6

type Kind = 'quiet' | 'stop' | 'upgrade' | 'kill'

interface Happened {
  /** The one that is there afterwards. */
  readonly agent: AgentProcess
  /** When the signal, if any, was sent, and when the process had ended. */
  readonly atNs: number
  readonly goneNs: number
}

interface Event {
  readonly kind: Kind
  readonly name: string
  readonly happen: (agent: AgentProcess) => Promise<Happened>
}

const eventsOf = (start: () => Promise<AgentProcess>): Event[] => [
  {
    kind: 'stop',
    name: 'stopped by SIGTERM and started again',
    happen: async (agent) => {
      const atNs = nowNs()
      const code = await agent.stop()
      const goneNs = nowNs()
      if (code !== 0) throw new Error(`the agent ended with ${code}`)
      return { agent: await start(), atNs, goneNs }
    },
  },
  {
    kind: 'upgrade',
    name: 'upgraded: a new one beside it, ready, then SIGTERM for the elder',
    happen: async (agent) => {
      const atNs = nowNs()
      const younger = await start()
      const code = await agent.stop()
      const goneNs = nowNs()
      if (code !== 0) throw new Error(`the elder agent ended with ${code}`)
      return { agent: younger, atNs, goneNs }
    },
  },
  {
    kind: 'kill',
    name: 'killed by SIGKILL and started again',
    happen: async (agent) => {
      const atNs = nowNs()
      await agent.stop('SIGKILL')
      const goneNs = nowNs()
      return { agent: await start(), atNs, goneNs }
    },
  },
]

interface Counted {
  sent: number
  failed: number
  /** Of those, on connections that were opened after the signal, and after the process had ended. */
  failedOfNew: number
  failedAfterEnd: number
  direct: number
  readonly backMs: number[]
  readonly errors: string[]
}

const add = (counted: Counted, told: LoadTold, { atNs, goneNs }: Omit<Happened, 'agent'>): void => {
  counted.sent += told.sent
  counted.failed += told.failed.length
  counted.direct += told.directNs.length
  const back = told.backNs.filter((ns) => ns > atNs)
  if (back.length > 0) counted.backMs.push((Math.max(...back) - atNs) / NS_PER_MS)
  for (const { isKept, error, openedNs, startedNs } of told.failed) {
    const bornNs = openedNs || startedNs
    if (bornNs >= atNs) counted.failedOfNew++
    if (bornNs >= goneNs) counted.failedAfterEnd++
    const when = Math.round((bornNs - atNs) / NS_PER_MS)
    counted.errors.push(`${isKept ? 'kept' : 'new'} connection, opened at ${when} ms: ${error}`)
  }
  if (goneNs > 0) note(`restart: the process had ended after ${Math.round((goneNs - atNs) / NS_PER_MS)} ms`)
}

const amount = (value: number, unit: string) => ({ kind: 'amount' as const, value, unit })

const rowsOf = (name: string, counted: Counted, kind: Kind): Row[] => {
  const isKill = kind === 'kill'
  for (const error of counted.errors.slice(0, 20)) note(`restart: ${name}: ${error}`)
  note(
    `restart: ${name}: ${counted.direct} new connections to what is mocked went direct, of ${Math.round(counted.sent / 4)}`,
  )
  const reference = kind === 'quiet' ? `${counted.sent} requests` : `the same load left alone; ${counted.sent} requests`
  const rows: Row[] = [
    {
      question: `failed requests, agent ${name}${isKill ? ': on connections opened afterwards' : ''}`,
      reference,
      measured: amount(isKill ? counted.failedOfNew : counted.failed, ''),
      target: { atMost: 0 },
    },
  ]
  if (isKill) {
    const others = counted.failed - counted.failedOfNew
    rows.push(
      {
        question: 'the same, opened after its process had ended',
        ...{ reference, measured: amount(counted.failedAfterEnd, ''), target: { atMost: 0 } },
      },
      { question: 'the same, under way', reference, measured: amount(others, ''), target: {} },
    )
  }
  if (kind === 'upgrade') {
    const measured = amount(counted.direct, '')
    rows.push({
      question: 'the same: new connections that nobody intercepts',
      reference,
      measured,
      target: { atMost: 0 },
    })
  }
  if (counted.backMs.length > 0) {
    const measured = amount(median(counted.backMs), 'ms')
    rows.push({ question: 'from then until all pods are intercepted again', reference: '', measured, target: {} })
  }
  return rows
}

const starterOf = (lab: AgentLab): (() => Promise<AgentProcess>) => {
  const expectationsFolder = join(lab.node.folder, 'expectations')
  mkdirSync(expectationsFolder)
  const expectations = [{ httpRequest: { path: '/mocked' }, httpResponse: { statusCode: 200, body: 'mocked' } }]
  writeFileSync(join(expectationsFolder, 'mocked.json'), JSON.stringify(expectations))
  return () => lab.startAgent({ expectationsFolder })
}

await onNode(async (lab) => {
  const start = starterOf(lab)
  let agent = await start()
  const load = await startLoad(lab, agent, { pods: PODS, perSecond: PER_SECOND })
  await load.told()
  const fresh = (): Counted => ({
    ...{ sent: 0, failed: 0, failedOfNew: 0, failedAfterEnd: 0, direct: 0, backMs: [], errors: [] },
  })
  const quiet = fresh()
  await pause(AROUND_MS * 2)
  add(quiet, await load.told(), { atNs: 0, goneNs: 0 })
  const rows = rowsOf('left alone (the reference)', quiet, 'quiet')
  for (const event of eventsOf(start)) {
    const counted = fresh()
    for (let round = 0; round < ROUNDS; round++) {
      await pause(AROUND_MS)
      const happened = await event.happen(agent)
      agent = happened.agent
      await pause(AROUND_MS)
      add(counted, await load.told(), happened)
    }
    rows.push(...rowsOf(event.name, counted, event.kind))
  }
  report(rows)
})
