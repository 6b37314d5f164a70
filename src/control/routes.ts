/** Every call there is, in one table, and which request is one. */
import type { RequestHead } from '../flow.ts'
import { headerValue } from '../http1/response.ts'
import { absent } from './absent.ts'
import { apiDocument } from './api-document.ts'
import { clear, reset } from './clear.ts'
import { importDocument } from './import.ts'
import { metrics } from './metrics-call.ts'
import type { Handler } from './ports.ts'
import { putExpectation } from './put-expectation.ts'
import { putOpenApi } from './put-openapi.ts'
import { retrieve } from './retrieve.ts'
import { bind, status, stop } from './server-calls.ts'
import { changeMode, changeSettings, listSettings, mode, settings } from './settings-calls.ts'
import { verify } from './verify.ts'
import { verifySequence } from './verify-sequence.ts'

export const PREFIX = '/mockserver'

export interface Route {
  readonly method: 'GET' | 'PUT'
  /** Behind the prefix. */
  readonly path: string
  readonly handler: Handler
  /** Whether it is also a call without the prefix, as in old versions of MockServer. */
  readonly isOldToo: boolean
  /** Whether it is answered without a token: probes have none. */
  readonly isOpen: boolean
}

const old = (path: string, handler: Handler): Route => {
  return { method: 'PUT', path, handler, isOldToo: true, isOpen: false }
}
const put = (path: string, handler: Handler): Route => {
  return { method: 'PUT', path, handler, isOldToo: false, isOpen: false }
}
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
  old('/bind', bind),
  old('/stop', stop),
  get('/ready', status, true),
  get('/configuration', settings),
  put('/configuration', changeSettings),
  get('/config', listSettings),
  get('/mode', mode),
  put('/mode', changeMode),
  get('/metrics', metrics),
  get('/openapi.yaml', apiDocument),
]

const byName = new Map(ROUTES.map((route) => [`${route.method} ${route.path}`, route]))
const names = new Set(ROUTES.map(({ path }) => path))
const oldNames = new Set(ROUTES.filter(({ isOldToo }) => isOldToo).map(({ path }) => path))

export interface Found {
  readonly handler: Handler
  /** Whether the prefix was left out. */
  readonly isDeprecated: boolean
  readonly isOpen: boolean
}

const preflight: Handler = () => ({ status: 200 })
/** What a request asks of the API; undefined for mocked traffic. `livenessPath` is empty for none. */
export const findRoute = ({ method, target, path, headers }: RequestHead, livenessPath: string): Found | undefined => {
  if (!target.startsWith('/')) return undefined // a proxy is asked: whoever it names is meant
  const isPrefixed = path.startsWith(`${PREFIX}/`)
  const name = isPrefixed ? path.slice(PREFIX.length) : path
  const route = byName.get(`${method} ${name}`)
  if (route && (isPrefixed || route.isOldToo)) return { ...route, isDeprecated: !isPrefixed }
  if (method === 'GET' && livenessPath !== '' && path === livenessPath)
    return { handler: status, isDeprecated: false, isOpen: true }
  const isPreflight = method === 'OPTIONS' && headerValue(headers, 'access-control-request-method') !== undefined
  // A browser sends no token with it.
  if (isPreflight && (isPrefixed || oldNames.has(name)))
    return { handler: preflight, isDeprecated: false, isOpen: true }
  if (!isPrefixed || names.has(name)) return undefined
  const handler = absent(name)
  return handler && { handler, isDeprecated: false, isOpen: false }
}
