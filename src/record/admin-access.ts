/** Who may ask the admin server, and for what. */
import type { IncomingHttpHeaders } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { createHostRule } from '../http1/host-names.ts'

/** The value of an Authorization header, told whether it will do. */
export type IsAuthorized = (authorization: string | undefined) => boolean

export interface AccessOptions {
  /** Where the server listens. */
  readonly host: string
  /** Names that it may be asked by, beside addresses and localhost. */
  readonly names: readonly string[]
  /** Undefined where no token is set up. */
  readonly isAuthorized?: IsAuthorized
}

export interface Refusal {
  readonly status: 401 | 403
  readonly error: string
  /** Asks for a token. */
  readonly challenge?: string
}

export interface Access {
  /** @param isPrivate it shows what the workloads do, and not only how we do */
  refuse(headers: Pick<IncomingHttpHeaders, 'host' | 'authorization'>, isPrivate: boolean): Refusal | undefined
}

const BY_NAME: Refusal = {
  status: 403,
  error: 'the Host header must be an IP address, localhost, or one of adminHosts',
}
const NO_TOKEN: Refusal = {
  status: 403,
  error:
    'this shows traffic of the workloads, the admin server listens on more than loopback, and no token is set up. ' +
    'Set adminTokenFile, and send one of its tokens as Authorization: Bearer …, or set adminHost to 127.0.0.1.',
}
const WRONG_TOKEN: Refusal = {
  status: 401,
  error: 'a token is asked for: Authorization: Bearer …, see adminTokenFile',
  challenge: 'Bearer realm="understudy"',
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

const isLoopback = (host: string): boolean => LOOPBACK.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4')

/**
 * Health and metrics are for everybody who asks by a name of ours. What is private is for processes of this machine, or
 * where a token is set up for whoever has it.
 */
export const createAccess = ({ host: listensOn, names, isAuthorized }: AccessOptions): Access => {
  const isOurs = createHostRule(names)
  const isOpen = isAuthorized === undefined && isLoopback(listensOn)
  return {
    refuse({ host = '', authorization }, isPrivate) {
      if (!isOurs(host)) return BY_NAME
      if (!isPrivate || isOpen) return undefined
      if (!isAuthorized) return NO_TOKEN
      return isAuthorized(authorization) ? undefined : WRONG_TOKEN
    },
  }
}
