/** How the API server is reached; what the composition hands to everything here that calls it. */
import type { Clock } from './clock.ts'
import type { FailureKind } from './failure.ts'

export interface ConnectionOptions {
  /** `https://10.96.0.1:443`; {@link inClusterServer} makes it of what a pod is told. `http://` is for tests. */
  readonly server: string
  /** File with the bearer token; empty sends none. Read again each minute, and after a 401. */
  readonly tokenFile: string
  /** File with the certificates to trust, PEM; empty trusts what Node.js does. Read again as it changes. */
  readonly caFile: string
  /** Told of each failure, as it is counted. */
  readonly onFailure?: (kind: FailureKind, message: string) => void
  readonly clock?: Clock
}

/** The server as a pod is told of it, in KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT; undefined without a host. */
export const inClusterServer = (host: string | undefined, port: string | undefined): string | undefined => {
  if (!host) return undefined
  return `https://${host.includes(':') ? `[${host}]` : host}:${port || 443}`
}
