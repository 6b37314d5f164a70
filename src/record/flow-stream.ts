/** `/flows`: what its query asks for, and the records as they come. */
import type { FlowFeed, SubscribeOptions } from './flows.ts'
import { RING_LINES } from './flows.ts'
import type { RecordLine } from './line.ts'

/** As long as Kubernetes allows. */
const LONGEST: Readonly<Record<'namespace' | 'pod', number>> = { namespace: 63, pod: 253 }
const PARAMETERS = ['replay', 'limit', 'namespace', 'pod']

export const FLOW_PARAMETERS = `takes replay=0..${RING_LINES}, limit=1.., namespace=NAME and pod=NAME only, each once`

/** Undefined where it asks for what there is not. */
export const flowQuery = (query: URLSearchParams): SubscribeOptions | undefined => {
  const names = [...query.keys()]
  if (names.some((name) => !PARAMETERS.includes(name)) || new Set(names).size < names.length) return undefined
  const replay = wholeNumber(query.get('replay') ?? '0')
  const limit = wholeNumber(query.get('limit') ?? String(Number.MAX_SAFE_INTEGER))
  const namespace = query.get('namespace') ?? undefined
  const pod = query.get('pod') ?? undefined
  if (replay === undefined || limit === undefined || limit === 0) return undefined
  if (!isName(namespace, LONGEST.namespace) || !isName(pod, LONGEST.pod)) return undefined
  if (namespace === undefined && pod === undefined) return { replay, limit }
  const wants = (line: RecordLine): boolean =>
    (namespace === undefined || line.namespace === namespace) && (pod === undefined || line.pod === pod)
  return { replay, limit, wants }
}

const wholeNumber = (text: string): number | undefined => (/^\d{1,16}$/.test(text) ? Number(text) : undefined)

const isName = (name: string | undefined, longest: number): boolean =>
  name === undefined || (name.length > 0 && name.length <= longest)

export interface StreamTarget {
  write(text: string): boolean
  end(): void
  on(event: 'drain' | 'close', listener: () => void): unknown
}

/** False where there are as many readers as allowed. */
export const streamFlows = (
  flows: Pick<FlowFeed, 'subscribe'>,
  target: StreamTarget,
  options: SubscribeOptions,
): boolean => {
  const reader = { write: (lines: string) => target.write(lines), end: () => target.end() }
  const subscription = flows.subscribe(reader, options)
  if (!subscription) return false
  target.on('drain', subscription.drained)
  target.on('close', subscription.close)
  return true
}
