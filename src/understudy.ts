/**
 * The composition root: builds every adapter, hands each stage its ports, and fixes the order of start and stop.
 * No logic of its own.
 */
import { randomUUID } from 'node:crypto'
import type { Server, Socket } from 'node:net'
import { nowMs } from './act/finish.ts'
import { limitsOf } from './acts.ts'
import { loadCaFile } from './config/ca-file.ts'
import { createLiveSettings } from './config/live-settings.ts'
import { createInflate } from './content/inflate.ts'
import { createControlStage } from './control-stage.ts'
import { createExpectedHosts, type IsExpectedHost } from './decide/matching/expected-hosts.ts'
import { createExpectationStore, type ExpectationStore } from './decide/matching/store.ts'
import { createIdleMemory } from './idle-memory.ts'
import { type Budget, createBudget } from './intercept/budget.ts'
import { createConnections } from './intercept/connections.ts'
import { createSessions, type Sessions } from './intercept/sessions.ts'
import type { DataPlaneOptions, SiteOptions } from './plane-options.ts'
import { reset } from './reset.ts'
import { createSite, type ListenerTraits, type Shared, type Site } from './site.ts'
import { createWebSockets } from './websocket.ts'

export type { ListenerTraits, Site } from './site.ts'

export interface DataPlane {
  /** A server for one listening socket of the workload that the data plane was made for. */
  createServer(traits?: ListenerTraits): Server
  /** Takes one more workload in, with listeners and legs to upstreams of its own. */
  addSite(site: SiteOptions): Site
  readonly isExpectedHost: IsExpectedHost
  readonly store: ExpectationStore
  /**
   * Ends idle connections at once, busy ones after their exchange, all after `graceMs`. Gently, idle ones stay as long as
   * the others: a client that sends its next request just then does not lose it.
   */
  close(graceMs: number, isGentle?: boolean): Promise<void>
}

const SWEEP_MS = 1000
/** A connection that was reset by us tells so in the next turn. */
const CLOSED_MS = 1000

/** The HTTP/1.x sessions of one data plane, within its limits. */
const createOwnSessions = ({ config, metrics }: DataPlaneOptions, budget: Budget): Sessions =>
  createSessions({
    limits: limitsOf(config),
    headTimeoutMs: config.clientHeadTimeoutMs,
    idleTimeoutMs: config.clientIdleTimeoutMs,
    stallTimeoutMs: config.upstreamIdleTimeoutMs,
    budget,
    onLimit: metrics.limitHit,
    now: nowMs,
  })

const createShared = (options: DataPlaneOptions, onWork: () => void): Shared => {
  const { config, metrics } = options
  const inflate = createInflate(config.bodyMatchBytes, metrics.limitHit)
  const store = createExpectationStore(options.expectations, nowMs(), Math.random, inflate)
  const settings = createLiveSettings(config)
  const webSockets = createWebSockets()
  const budget = createBudget(config.bodyMatchTotalBytes, () => metrics.limitHit('body_budget'))
  return {
    options,
    store,
    policy: settings.policy,
    api: createControlStage({ ...options, settings, store, webSockets, nowMs }),
    webSockets,
    budget,
    sessions: createOwnSessions(options, budget),
    slots: createBudget(config.maxConnections, () => metrics.limitHit('connections')),
    opening: new Set<Socket>(),
    silent: new WeakSet<Socket>(),
    connections: createConnections(metrics),
    selfId: `Understudy_${randomUUID()}`,
    ca: loadCaFile(config.upstreamTlsCaFile),
    onWork,
  }
}

export const createDataPlane = (options: DataPlaneOptions): DataPlane => {
  let work = 0
  const shared = createShared(options, () => work++)
  const { connections, sessions, webSockets, opening, store } = shared
  const sites = new Set<Site>()
  const addSite = (site: SiteOptions): Site => {
    const made = createSite(shared, site)
    const close = async (graceMs: number): Promise<void> => {
      await made.close(graceMs)
      sites.delete(added)
    }
    const added: Site = { ...made, close }
    sites.add(added)
    return added
  }
  const first = addSite(options)
  const isExpectedHost = createExpectedHosts(store, nowMs)
  const idleMemory = createIdleMemory(() => work, options.releaseMemory)
  const sweeper = setInterval(() => {
    sessions.tick(nowMs())
    idleMemory.tick()
  }, SWEEP_MS).unref()

  return {
    createServer: first.createServer,
    addSite,
    isExpectedHost,
    store,
    close: async (graceMs, isGentle = false) => {
      const closing = [...sites].map((site) => site.close(graceMs + CLOSED_MS))
      sessions.drain(isGentle)
      webSockets.close()
      if (!isGentle) for (const socket of opening) socket.destroySoon()
      await connections.emptied(graceMs)
      sessions.drain()
      clearInterval(sweeper)
      for (const socket of connections.open) reset(socket)
      await connections.emptied(CLOSED_MS)
      await Promise.all(closing)
      // The upstream ends of relays close one turn after their client's, and are recorded then.
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}
