/** Events as the API takes them (core/v1). */
import type { EventReason, WorkloadFacts } from '../source.ts'
import { cutText } from './fields.ts'

/** What the API takes of a message, bytes of UTF-8. */
export const MOST_MESSAGE_BYTES = 1024
const MOST_NAME_CHARACTERS = 253

/** Who writes them. */
export const COMPONENT = 'understudy-agent'

export interface EventSubject {
  readonly about: Pick<WorkloadFacts, 'uid' | 'namespace' | 'name'>
  readonly type: 'Normal' | 'Warning'
  readonly reason: EventReason
}

export interface Occurrences {
  readonly count: number
  readonly firstAtMs: number
  readonly lastAtMs: number
  readonly message: string
}

/** Cut to what the API takes, and without half a character at the end. */
export const messageOf = (text: string): string => {
  const bytes = Buffer.from(cutText(text.toWellFormed(), MOST_MESSAGE_BYTES), 'utf8')
  if (bytes.length <= MOST_MESSAGE_BYTES) return bytes.toString('utf8')
  const sign = Buffer.byteLength('…')
  let end = MOST_MESSAGE_BYTES - sign
  // 10xxxxxx is no beginning of a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return `${bytes.toString('utf8', 0, end)}…`
}

/** The name of an event: that of its pod, and what tells it from others. */
export const eventName = (podName: string, suffix: string): string =>
  `${podName.slice(0, MOST_NAME_CHARACTERS - suffix.length - 1)}.${suffix}`

/** RFC 3339, whole seconds, as metav1.Time has it. */
const timeOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

/** What a repeat changes. */
export const eventPatch = ({ count, lastAtMs, message }: Occurrences): object => ({
  count,
  lastTimestamp: timeOf(lastAtMs),
  message: messageOf(message),
})

export const eventObject = (
  name: string,
  { about, type, reason }: EventSubject,
  occurrences: Occurrences,
  nodeName: string,
): object => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name, namespace: about.namespace },
  involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: about.namespace, name: about.name, uid: about.uid },
  type,
  reason,
  firstTimestamp: timeOf(occurrences.firstAtMs),
  ...eventPatch(occurrences),
  source: { component: COMPONENT, ...(nodeName && { host: nodeName }) },
  reportingComponent: COMPONENT,
  reportingInstance: nodeName || COMPONENT,
})
