/** The objects of one resource, with the history of their changes that watches are answered from. */
import { randomUUID } from 'node:crypto'
import type { Selects } from './selectors.ts'

export interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly creationTimestamp: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly deletionTimestamp?: string
  readonly [more: string]: unknown
}

export interface KubeObject {
  readonly kind: string
  readonly apiVersion: string
  readonly metadata: Metadata
  readonly [more: string]: unknown
}

/** An object as a test gives it; what is missing is filled in. */
export interface PartialObject {
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly [more: string]: unknown
}

export interface Change {
  readonly version: number
  readonly object: KubeObject
  /** As it was before; undefined for one that is new. */
  readonly before?: KubeObject
  readonly isDeletion: boolean
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: unknown
}

/** The resource version of the whole server; every write has its own. */
export interface Versions {
  current: number
}

export interface Objects {
  readonly kind: string
  all(): KubeObject[]
  get(key: string): KubeObject | undefined
  put(object: PartialObject): KubeObject
  remove(key: string): KubeObject | undefined
  /** The changes after a version, oldest first. */
  since(version: number): Change[]
  /** Versions below this are forgotten. */
  readonly oldest: number
  compact(): void
  /** Called after each change; returns what stops that. */
  onChange(listener: (change: Change) => void): () => void
}

export const keyOf = (namespace: unknown, name: unknown): string => `${namespace ?? ''}/${name}`

/** What a watch that selects like this is told of a change; undefined where it is nothing to it. */
export const eventOf = ({ object, before, isDeletion }: Change, selects: Selects): WatchEvent | undefined => {
  const was = before !== undefined && selects(before)
  const is = !isDeletion && selects(object)
  if (!was && !is) return undefined
  return { type: was && is ? 'MODIFIED' : is ? 'ADDED' : 'DELETED', object }
}

export const createObjects = (kind: string, versions: Versions, historySize: number): Objects => {
  const objects = new Map<string, KubeObject>()
  const listeners = new Set<(change: Change) => void>()
  let history: Change[] = []
  let oldest = 0

  const note = (change: Change): void => {
    history.push(change)
    if (history.length > historySize) {
      const dropped = history.splice(0, history.length - historySize)
      oldest = dropped.at(-1)?.version ?? oldest
    }
    for (const listener of listeners) listener(change)
  }
  const next = (): { version: number; resourceVersion: string } => {
    versions.current += 1
    return { version: versions.current, resourceVersion: String(versions.current) }
  }

  return {
    kind,
    all: () => [...objects.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object),
    get: (key) => objects.get(key),
    put: (given) => {
      const key = keyOf(given.metadata?.['namespace'], given.metadata?.['name'])
      const before = objects.get(key)
      const { version, resourceVersion } = next()
      const metadata = {
        uid: before?.metadata.uid ?? randomUUID(),
        creationTimestamp: before?.metadata.creationTimestamp ?? `${new Date().toISOString().slice(0, 19)}Z`,
        ...given.metadata,
        resourceVersion,
      } as Metadata
      const object: KubeObject = { ...given, kind, apiVersion: 'v1', metadata }
      objects.set(key, object)
      note({ version, object, ...(before && { before }), isDeletion: false })
      return object
    },
    remove: (key) => {
      const before = objects.get(key)
      if (!before) return undefined
      objects.delete(key)
      const { version, resourceVersion } = next()
      const object = { ...before, metadata: { ...before.metadata, resourceVersion } }
      note({ version, object, before, isDeletion: true })
      return object
    },
    since: (version) => history.filter((change) => change.version > version),
    get oldest() {
      return oldest
    },
    compact: () => {
      history = []
      oldest = versions.current
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
