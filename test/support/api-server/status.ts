/** Status objects, as a Kubernetes API server words them. */

export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: Readonly<Record<string, unknown>>
  readonly status: 'Failure' | 'Success'
  readonly message?: string
  readonly reason?: string
  readonly details?: Readonly<Record<string, unknown>>
  readonly code: number
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'AlreadyExists',
  410: 'Expired',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

export const failure = (code: number, message: string, details?: Readonly<Record<string, unknown>>): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message,
  reason: REASONS[code] ?? 'Unknown',
  ...(details && { details }),
  code,
})

export const unauthorized = (): Status => failure(401, 'Unauthorized')

export const notFound = (resource: string, name: string): Status =>
  failure(404, `${resource} "${name}" not found`, { name, kind: resource })

export const alreadyExists = (resource: string, name: string): Status =>
  failure(409, `${resource} "${name}" already exists`, { name, kind: resource })

/** What the role-based authorizer says; `namespace` empty is the cluster. */
export const forbidden = (verb: string, resource: string, namespace: string): Status =>
  failure(
    403,
    `${resource} is forbidden: User "system:serviceaccount:understudy:understudy" cannot ${verb} resource "${resource}" in API group "" ${
      namespace ? `in the namespace "${namespace}"` : 'at the cluster scope'
    }`,
    { kind: resource },
  )

export const namespaceTerminating = (resource: string, name: string, namespace: string): Status =>
  failure(
    403,
    `${resource} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    {
      name,
      kind: resource,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  )

export const tooOld = (version: number, oldest: number): Status =>
  failure(410, `too old resource version: ${version} (${oldest})`)

export const continueTooOld = (): Status =>
  failure(
    410,
    'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
  )

export const versionTooLarge = (version: number, current: number): Status =>
  failure(504, `Too large resource version: ${version}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  })
