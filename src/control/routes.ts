/** Every call there is, in one table, and which request is one. */
import type { RequestHead } from '../flow.ts'
import { headerValue } from '../http1/response.ts'
import { absent } from './absent.ts'
import { apiDocument } from './api-document.ts'
import { clear, reset } from './clear.ts'
import { explain } from './explain.ts'
import { importDocument } from './import.ts'
import { metrics } from './metrics-call.ts'
import type { Handler } from './ports.ts'
import { putExpectation } from './put-expectation.ts'
import { putOpenApi } from './put-openapi.ts'
import { text } from './reply.ts'
import { retrieve } from './retrieve.ts'
import { scenario, scenarios, setScenario, triggerScenario } from './scenario-calls.ts'
import { bind, status, stop } from './server-calls.ts'
import { changeMode, changeSettings, listSettings, mode, settings } from './settings-calls.ts'
import { verify } from './verify.ts'
import { verifySequence } from './verify-sequence.ts'

export const PREFIX = '/mockserver'
const UNDER_PREFIX = `${PREFIX}/`

export interface Route {
  readonly method: 'GET' | 'PUT'
  /** Behind the prefix; `{name}` stands for anything, slashes too. */
  readonly path: string
  readonly handler: Handler
  /** Whether it is also a call without the prefix, as in old versions of MockServer. */
  readonly isOldToo: boolean
  /** Whether it is answered without a token: probes have none. */
  readonly isOpen: boolean
  /** Whether it is about the process, which is nobody's own: refused under a scope. */
  readonly isWhole?: true
}

const old = (path: string, handler: Handler): Route => {
  return { method: 'PUT', path, handler, isOldToo: true, isOpen: false }
}
const put = (path: string, handler: Handler): Route => {
  return { method: 'PUT', path, handler, isOldToo: false, isOpen: false }
}
const whole = (route: Route): Route => ({ ...route, isWhole: true })
const get = (path: string, handler: Handler, isOpen = false): Route => {
  return { method: 'GET', path, handler, isOldToo: false, isOpen }
}

/** The same are in api.yaml; a test compares both. */
export const ROUTES: readonly Route[] = [
  old('/expectation', putExpectation),
  old('/openapi', putOpenApi),
  put('/import', importDocument),
  old('/clear', clear),
  old('/reset', reset),
  old('/retrieve', retrieve),
  old('/verify', verify),
  old('/verifySequence', verifySequence),
  old('/status', status),
  whole(old('/bind', bind)),
  whole(old('/stop', stop)),
  get('/ready', status, true),
  whole(get('/configuration', settings)),
  whole(put('/configuration', changeSettings)),
  whole(get('/config', listSettings)),
  whole(get('/mode', mode)),
  whole(put('/mode', changeMode)),
  whole(get('/metrics', metrics)),
  put('/explain', explain),
  get('/scenario', scenarios),
  get('/scenario/{name}', scenario),
  put('/scenario/{name}/trigger', triggerScenario),
  put('/scenario/{name}', setScenario),
  get('/openapi.yaml', apiDocument),
]

const NAME = '{name}'
const hasName = ({ path }: Route): boolean => path.includes(NAME)
const byName = new Map(ROUTES.map((route) => [`${route.method} ${route.path}`, route]))
/** The more that is said behind the name, the earlier in the table. */
const named = ROUTES.filter(hasName).map((route) => {
  const [before = '', behind = ''] = route.path.split(NAME)
  return { route, before, behind }
})
const names = new Set(ROUTES.map(({ path }) => path))
const oldNames = new Set(ROUTES.filter(({ isOldToo }) => isOldToo).map(({ path }) => path))

export interface Found {
  readonly handler: Handler
  /** Whether the prefix was left out. */
  readonly isDeprecated: boolean
  readonly isOpen: boolean
  readonly isWhole?: true
  /** What stands in the place of the name in the path, decoded. */
  readonly name?: string
  /** Under a scope: of what the call may see and touch. */
  readonly namespace?: string
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The route of a path that has a name in it, with that name. */
const findNamed = (method: string, path: string): { readonly route: Route; readonly name: string } | undefined => {
  const found = named.find(
    ({ route, before, behind }) =>
      route.method === method &&
      path.length >= before.length + behind.length &&
      path.startsWith(before) &&
      path.endsWith(behind),
  )
  if (!found) return undefined
  const { route, before, behind } = found
  return { route, name: decoded(path.slice(before.length, path.length - behind.length)) }
}

const preflight: Handler = () => ({ status: 200 })
/** A base path for clients: `/scope/payments/mockserver/…`; slashes between are what clients make of it. */
const SCOPED = /^\/scope\/([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\/+(mockserver\/.*)$/

const refused: Handler = () => text(403, 'this is about the whole process: it is not answered under a scope')

/** What a request asks of the API; undefined for mocked traffic. `livenessPath` is empty for none. */
export const findRoute = (head: RequestHead, livenessPath: string): Found | undefined => {
  const [, namespace, path] = head.path.startsWith('/scope/') ? (SCOPED.exec(head.path) ?? []) : []
  if (namespace === undefined || path === undefined) return findUnscoped(head, livenessPath)
  const found = findUnscoped({ ...head, path: `/${path}` }, '')
  return found && { ...found, namespace, ...(found.isWhole ? { handler: refused } : {}) }
}

const findUnscoped = ({ method, target, path, headers }: RequestHead, livenessPath: string): Found | undefined => {
  if (!target.startsWith('/')) return undefined // a proxy is asked: whoever it names is meant
  const isPrefixed = path.startsWith(UNDER_PREFIX)
  // Nearly all requests: no text is made for them.
  if (!isPrefixed && !oldNames.has(path) && path !== livenessPath) return undefined
  const name = isPrefixed ? path.slice(PREFIX.length) : path
  const route = byName.get(`${method} ${name}`)
  if (route && (isPrefixed || route.isOldToo)) return { ...route, isDeprecated: !isPrefixed }
  if (method === 'GET' && livenessPath !== '' && path === livenessPath)
    return { handler: status, isDeprecated: false, isOpen: true }
  const withName = isPrefixed ? findNamed(method, name) : undefined
  if (withName) return { ...withName.route, isDeprecated: false, name: withName.name }
  const isPreflight = method === 'OPTIONS' && headerValue(headers, 'access-control-request-method') !== undefined
  // A browser sends no token with it.
  if (isPreflight && (isPrefixed || oldNames.has(name)))
    return { handler: preflight, isDeprecated: false, isOpen: true }
  if (!isPrefixed || names.has(name)) return undefined
  const handler = absent(name)
  return handler && { handler, isDeprecated: false, isOpen: false }
}
