/**
 * A Kubernetes API server for tests: pods, namespaces and events over real HTTP, with the paths, parameters, objects and
 * refusals of the real one, and with ways to make it misbehave. What a client of it sees is meant to be what a real one
 * sends, so that a real one can be put in its place.
 */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { type Answer, answerWith } from './api-server/answer.ts'
import { createFaults, type Misbehaviour, misanswer } from './api-server/faults.ts'
import { createLists } from './api-server/list.ts'
import { type KubeObject, keyOf, type PartialObject, type WatchEvent } from './api-server/objects.ts'
import { create, createResources, patch, type ResourceName, type Resources } from './api-server/resources.ts'
import { type Route, routeOf, type Verb } from './api-server/routes.ts'
import { fieldSelector, labelSelector, type Selects } from './api-server/selectors.ts'
import { failure, notFound, type Status, unauthorized } from './api-server/status.ts'
import { createWatches } from './api-server/watch.ts'

export type { Fault, Misbehaviour } from './api-server/faults.ts'
export type { KubeObject, PartialObject, WatchEvent } from './api-server/objects.ts'

export interface ApiServerOptions {
  /** Key and certificate, PEM, to speak TLS with; plain HTTP without. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Only requests with one of these bearer tokens are answered; any without. The array may be changed later. */
  readonly tokens?: readonly string[]
  /** Changes of each resource that a watch can still start from; 1000 unless told. */
  readonly historySize?: number
  /** 60 s unless told, as the real one has it. */
  readonly bookmarkIntervalMs?: number
  /** Address to listen at; loopback unless told. */
  readonly host?: string
}

export interface LoggedRequest {
  readonly method: string
  readonly verb: Verb | ''
  readonly resource: ResourceName | ''
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: IncomingMessage['headers']
}

export interface ApiServer {
  readonly url: string
  readonly port: number
  /** Makes or replaces a pod; what is missing is filled in: a name, namespace `default`, node `node-1`, phase Running. */
  createPod(pod?: PartialObject): KubeObject
  /** Merges into the pod's status. Throws where there is no such pod, as all of these do. */
  setPodStatus(namespace: string, name: string, status: Readonly<Record<string, unknown>>): KubeObject
  /** Sets annotations; null removes one. */
  annotate(namespace: string, name: string, annotations: Readonly<Record<string, string | null>>): KubeObject
  labelPod(namespace: string, name: string, labels: Readonly<Record<string, string | null>>): KubeObject
  /** Sets `deletionTimestamp`, as a delete with a grace period does. */
  beginDeletion(namespace: string, name: string): KubeObject
  deletePod(namespace: string, name: string): KubeObject
  createNamespace(name: string, labels?: Readonly<Record<string, string>>): KubeObject
  labelNamespace(name: string, labels: Readonly<Record<string, string | null>>): KubeObject
  /** Nothing can be made in it any more. */
  beginNamespaceDeletion(name: string): KubeObject
  deleteNamespace(name: string): KubeObject
  /** Events that were written, oldest first. */
  events(): KubeObject[]
  /** Requests that came, oldest first; those it refused for their token too. */
  requests(): LoggedRequest[]
  forgetRequests(): void
  /** Forgets the history: watches from before and continue tokens are answered 410. */
  compact(): void
  bookmark(): void
  /** The next requests that fit are answered wrongly. */
  misbehave(misbehaviour: Misbehaviour): void
  behave(): void
  /** Any event to every open watch of this kind (`Pod`, `Namespace`). */
  sendToWatches(event: WatchEvent, kind?: string): void
  /** Any bytes to every open watch of this kind. */
  sendRawToWatches(bytes: string, kind?: string): void
  /** Ends open watches in good order, as their timeout does. */
  endWatches(): void
  /** Breaks every connection off. */
  cutConnections(): void
  readonly openWatches: number
  readonly openConnections: number
  readonly resourceVersion: string
  /** Connections are refused from now on, and those there are break. */
  goAway(): Promise<void>
  /** On the same port, with the same objects. */
  comeBack(): Promise<void>
  close(): Promise<void>
}

const selectorOf = ({ namespace, resource }: Route, query: URLSearchParams): Selects => {
  const byField = fieldSelector(query.get('fieldSelector') ?? '')
  const byLabel = labelSelector(query.get('labelSelector') ?? '')
  return (object) =>
    (namespace === '' || resource === 'namespaces' || object.metadata.namespace === namespace) &&
    byField(object) &&
    byLabel(object)
}

const send = (answer: Answer, code: number, body: Status | object): void => {
  answer.head(code)
  answer.end(`${JSON.stringify(body)}\n`)
}

const isStatus = (body: object): body is Status => Reflect.get(body, 'kind') === 'Status'

interface Parts {
  readonly resources: Resources
  readonly lists: ReturnType<typeof createLists>
  readonly watches: ReturnType<typeof createWatches>
}

const read = (parts: Parts, route: Route, query: URLSearchParams, answer: Answer): void => {
  const objects = parts.resources[route.resource]
  if (route.verb === 'get') {
    const found = objects.get(keyOf(route.namespace, route.name))
    return found ? send(answer, 200, found) : send(answer, 404, notFound(route.resource, route.name))
  }
  let selects: Selects
  try {
    selects = selectorOf(route, query)
  } catch (error) {
    return send(answer, 400, failure(400, error instanceof Error ? error.message : String(error)))
  }
  if (route.verb === 'watch') return parts.watches.open(objects, query, selects, answer)
  const list = parts.lists.answer(objects, query, selects)
  send(answer, isStatus(list) ? list.code : 200, list)
}

const write = async (parts: Parts, route: Route, request: IncomingMessage, answer: Answer): Promise<void> => {
  const { verb, resource, namespace, name } = route
  const key = keyOf(namespace, name)
  if (verb === 'delete') {
    const removed = parts.resources[resource].remove(key)
    return removed ? send(answer, 200, removed) : send(answer, 404, notFound(resource, name))
  }
  let body: PartialObject
  try {
    body = JSON.parse(await text(request))
  } catch (error) {
    return send(answer, 400, failure(400, `couldn't decode the body: ${error}`))
  }
  const type = request.headers['content-type'] ?? ''
  if (verb === 'patch') {
    if (!['application/merge-patch+json', 'application/strategic-merge-patch+json'].includes(type))
      return send(answer, 415, failure(415, `the body of the request was in an unknown format: ${type}`))
    const patched = patch(parts.resources, resource, key, body)
    return send(answer, patched.code, patched.body)
  }
  if (verb === 'update') {
    if (!parts.resources[resource].get(key)) return send(answer, 404, notFound(resource, name))
    return send(answer, 200, parts.resources[resource].put(body))
  }
  const created = create(parts.resources, resource, namespace, body)
  send(answer, created.code, created.body)
}

const podDefaults = (given: PartialObject, number: number): PartialObject => {
  const part = (key: string): Readonly<Record<string, unknown>> => (given[key] ?? {}) as Record<string, unknown>
  return {
    ...given,
    metadata: { name: `pod-${number}`, namespace: 'default', ...given.metadata },
    spec: { nodeName: 'node-1', containers: [{ name: 'app', image: 'app:1' }], ...part('spec') },
    status: { phase: 'Running', qosClass: 'BestEffort', ...part('status') },
  }
}

/** Listens on a free port of loopback. */
export const createApiServer = async (options: ApiServerOptions = {}): Promise<ApiServer> => {
  const versions = { current: 100 }
  const resources = createResources(versions, options.historySize ?? 1000)
  const lists = createLists(versions)
  const watches = createWatches(versions, options.bookmarkIntervalMs ?? 60_000)
  const parts = { resources, lists, watches }
  const faults = createFaults()
  const logged: LoggedRequest[] = []
  const sockets = new Set<Socket>()
  const host = options.host ?? '127.0.0.1'
  let pods = 0

  const isKnown = ({ headers }: IncomingMessage): boolean =>
    !options.tokens || options.tokens.some((token) => headers.authorization === `Bearer ${token}`)

  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://api')
    const method = request.method ?? ''
    const route = routeOf(method, pathname, query)
    const { verb = '', resource = '' } = route ?? {}
    logged.push({ method, verb, resource, path: pathname, query: Object.fromEntries(query), headers: request.headers })
    const fault = faults.take(verb, resource)
    if (fault && misanswer(fault, response)) return
    const answer = answerWith(response, fault)
    if (!isKnown(request)) return send(answer, 401, unauthorized())
    if (!route) return send(answer, 404, failure(404, 'the server could not find the requested resource', {}))
    if (['get', 'list', 'watch'].includes(route.verb)) return read(parts, route, query, answer)
    write(parts, route, request, answer).catch(() => response.destroy())
  }

  const start = (port: number): Promise<Server> =>
    new Promise((resolve, reject) => {
      const listener: RequestListener = serve
      const server = options.tls ? createSecureServer(options.tls, listener) : createServer(listener)
      server.on('connection', (socket: Socket) => {
        sockets.add(socket)
        socket.on('error', () => undefined) // the client left
        socket.once('close', () => sockets.delete(socket))
      })
      server.once('error', reject)
      server.listen(port, host, () => resolve(server))
    })
  const cutConnections = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  let server = await start(0)
  const { port } = server.address() as AddressInfo
  const goAway = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve))
    cutConnections()
    await closed
  }

  const change = (resource: ResourceName, key: string, by: object): KubeObject => {
    const { code, body } = patch(resources, resource, key, by)
    if (code !== 200 || isStatus(body)) throw new Error(`no ${resource} ${key}`)
    return body
  }
  const remove = (resource: ResourceName, key: string): KubeObject => {
    const removed = resources[resource].remove(key)
    if (!removed) throw new Error(`no ${resource} ${key}`)
    return removed
  }

  return {
    url: `${options.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    createPod: (pod = {}) => {
      pods += 1
      return resources.pods.put(podDefaults(pod, pods))
    },
    setPodStatus: (namespace, name, status) => change('pods', keyOf(namespace, name), { status }),
    annotate: (namespace, name, annotations) => change('pods', keyOf(namespace, name), { metadata: { annotations } }),
    labelPod: (namespace, name, labels) => change('pods', keyOf(namespace, name), { metadata: { labels } }),
    beginDeletion: (namespace, name) =>
      change('pods', keyOf(namespace, name), { metadata: { deletionTimestamp: new Date().toISOString() } }),
    deletePod: (namespace, name) => remove('pods', keyOf(namespace, name)),
    createNamespace: (name, labels = {}) =>
      resources.namespaces.put({
        metadata: { name, labels: { 'kubernetes.io/metadata.name': name, ...labels } },
        status: { phase: 'Active' },
      }),
    labelNamespace: (name, labels) => change('namespaces', keyOf('', name), { metadata: { labels } }),
    beginNamespaceDeletion: (name) => change('namespaces', keyOf('', name), { status: { phase: 'Terminating' } }),
    deleteNamespace: (name) => remove('namespaces', keyOf('', name)),
    events: () => resources.events.all(),
    requests: () => [...logged],
    forgetRequests: () => void logged.splice(0),
    compact: () => {
      for (const objects of Object.values(resources)) objects.compact()
      lists.expire()
    },
    bookmark: () => watches.bookmark(),
    misbehave: faults.add,
    behave: faults.clear,
    sendToWatches: watches.send,
    sendRawToWatches: watches.sendRaw,
    endWatches: watches.endAll,
    cutConnections,
    get openWatches() {
      return watches.count
    },
    get openConnections() {
      return sockets.size
    },
    get resourceVersion() {
      return String(versions.current)
    },
    goAway,
    comeBack: async () => {
      server = await start(port)
    },
    close: async () => {
      watches.close()
      if (server.listening) await goAway()
    },
  }
}
