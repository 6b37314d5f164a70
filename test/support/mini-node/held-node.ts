/** A process that starts a mini-node with a pod, says what it has made as a line of JSON, and holds it until it is killed. */
import { startMiniNode } from './mini-node.ts'
import { tracesOf } from './traces.ts'

const node = await startMiniNode()
await node.createPod({
  namespace: 'held',
  name: 'held',
  qos: 'burstable',
  image: 'busybox',
  command: ['sleep', '3600'],
})
console.log(JSON.stringify(tracesOf(node)))
setInterval(() => {}, 1_000_000)
