/** Writes one event to the API: makes it, or writes its repeats into the one that is there. */
import { randomBytes } from 'node:crypto'
import type { ApiClient } from './api-client.ts'
import { type EventSubject, eventName, eventObject, eventPatch } from './event-object.ts'
import type { ApiFailure } from './failure.ts'

/** One event, made or to be made. */
export interface EventEntry {
  readonly key: string
  readonly subject: EventSubject
  readonly firstAtMs: number
  lastAtMs: number
  count: number
  message: string
  /** Its name at the server, once it is made there. */
  name: string | undefined
  tries: number
  isWaiting: boolean
}

export interface OpenWrite {
  readonly over: Promise<ApiFailure | undefined>
  abort(): void
}

const CALL_LIMITS = { idleMs: 10_000, totalMs: 15_000 } as const

/** `written` is called once the server has it. */
export const writeEvent = (
  client: ApiClient,
  entry: EventEntry,
  nodeName: string,
  written: (what: 'created' | 'updated') => void,
): OpenWrite => {
  const { promise, resolve } = Promise.withResolvers<ApiFailure | undefined>()
  const { namespace, name: podName } = entry.subject.about
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`
  const isNew = entry.name === undefined
  const name = entry.name ?? eventName(podName, randomBytes(8).toString('hex'))
  const call = client.open(
    {
      ...CALL_LIMITS,
      ...(isNew
        ? { verb: 'create', path, body: eventObject(name, entry.subject, entry, nodeName) }
        : { verb: 'patch', path: `${path}/${encodeURIComponent(name)}`, body: eventPatch(entry) }),
      resource: 'events',
    },
    {
      begin: () => undefined,
      data: () => undefined, // the event as it is now: nothing new
      done: (failure) => {
        if (!failure) {
          entry.name = name
          written(isNew ? 'created' : 'updated')
        }
        resolve(failure)
      },
    },
  )
  return { over: promise, abort: () => call.abort(call.failure('network', 'the agent ends')) }
}
