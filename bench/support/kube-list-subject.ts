/**
 * Lists pods once and says what that took at the most: `node kube-list-subject.ts stream|whole URL`. Its heap has the size
 * that it has after loading, as in an agent that has just started.
 */
import { writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as tick } from 'node:timers/promises'
import { projectPod } from '../../src/workloads/kubernetes/project-pod.ts'
import { createKubernetesSource } from '../../src/workloads/kubernetes/source.ts'
import { highestResidentMib, residentMib } from './process-usage.ts'

const [, , way = '', server = ''] = process.argv
const POLL_MS = 5

const stream = async (): Promise<number> => {
  const source = createKubernetesSource({
    server,
    tokenFile: '',
    caFile: '',
    nodeName: 'node-1',
    watchNamespaces: false,
  })
  source.start(() => undefined)
  while (!source.health().isSynced) await tick(POLL_MS)
  const { length } = [...source.all()]
  await source.close()
  return length
}

const whole = (): Promise<number> =>
  new Promise((resolve, reject) => {
    get(`${server}/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&resourceVersion=0`, async (response) => {
      const list: { readonly items: readonly unknown[] } = JSON.parse((await buffer(response)).toString())
      resolve(list.items.map(projectPod).filter(({ kind }) => kind === 'kept').length)
    }).once('error', reject)
  })

// What came with loading does not count: the mark of the highest is set back to now.
writeFileSync('/proc/self/clear_refs', '5')
const before = residentMib(process.pid)
const startedAt = performance.now()
const pods = await (way === 'whole' ? whole() : stream())
process.send?.({ pods, mib: highestResidentMib(process.pid) - before, ms: performance.now() - startedAt })
process.disconnect?.()
