/**
 * What do pods notice of an API server that goes away for three minutes, and what does it notice of the agent when it
 * comes back?
 */
import { startLoad } from './support/load-of-pods.ts'
import { count, mockPath, onNode, pause } from './support/on-node.ts'
import { note, report } from './support/report.ts'

const AWAY_S = count('seconds', 180)
const PODS = count('pods', 4)
const PER_SECOND = count('per-second', 80)
/** Watched again within this, which is longer than the longest pause between two tries. */
const BACK_LIMIT_MS = 90_000
const WATCHES = 2
const SETTLE_MS = 5000

await onNode(async (lab) => {
  const agent = await lab.startAgent()
  await mockPath(agent, '/mocked')
  const load = await startLoad(lab, agent, { pods: PODS, perSecond: PER_SECOND })
  await load.told()
  await lab.api.goAway()
  note(`api-away: for ${AWAY_S} s`)
  await pause(AWAY_S * 1000)
  const told = await load.told()
  lab.api.forgetRequests()
  const begun = performance.now()
  await lab.api.comeBack()
  while (lab.api.openWatches < WATCHES) {
    if (performance.now() - begun > BACK_LIMIT_MS) throw new Error('the agent does not watch again')
    await pause(5)
  }
  note(`api-away: watched again after ${Math.round(performance.now() - begun)} ms`)
  await pause(SETTLE_MS)
  const lists = lab.api.requests().filter(({ verb }) => verb === 'list')
  const most = Math.max(...['pods', 'namespaces'].map((name) => lists.filter((one) => one.resource === name).length))
  const late = await lab.createPod()
  await agent.sees(late, 'intercepted')
  const all = told.mocked + told.directNs.length
  report([
    {
      question: `intercepted share of new connections while the API server is away for ${AWAY_S} s`,
      reference: `all ${all} new connections`,
      measured: { kind: 'amount', value: told.mocked / all, unit: '' },
      target: { atLeast: 1 },
    },
    {
      question: 'failed requests meanwhile',
      reference: `${told.sent} requests`,
      measured: { kind: 'amount', value: told.failed.length, unit: '' },
      target: { atMost: 0 },
    },
    {
      question: 'lists of a resource that the agent asks for when it is back',
      reference: 'a limit',
      measured: { kind: 'amount', value: most, unit: '' },
      target: { atMost: 1 },
    },
  ])
})
