/** Where an agent serves the control API: loopback or a unix socket by default, elsewhere only with tokens. */
import { chmodSync, lstatSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import type { Config } from '../config/schema.ts'
import type { ServerPorts } from '../control/ports.ts'
import { UnderstudyError } from '../errors.ts'
import type { DataPlane } from '../understudy.ts'
import { whoListens } from '../workloads/who-listens.ts'

export interface AgentControl extends ServerPorts {
  open(plane: Pick<DataPlane, 'createServer'>): Promise<string>
}

const BACKLOG = 512
const LOOPBACK = /^(?:127\.|::1$)/

/** Throws BAD_CONFIG where other machines could reach the API without a token. */
export const requireTokenBeyondLoopback = ({
  controlEnabled,
  controlHost,
  controlSocket,
  controlTokenFile,
}: Config): void => {
  if (!controlEnabled || controlSocket !== '' || controlTokenFile !== '' || LOOPBACK.test(controlHost)) return
  throw new UnderstudyError(
    'BAD_CONFIG',
    `controlHost ${controlHost} is not loopback, and no controlTokenFile is set`,
    {
      remedy:
        'Set controlTokenFile to a file of bearer tokens, or leave controlHost at 127.0.0.1 and use a port-forward.',
    },
  )
}

const listen = (server: Server, where: { host: string; port: number } | { path: string }): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const text = 'path' in where ? where.path : `${where.host} port ${where.port}`
      const who = cause.code === 'EADDRINUSE' && 'port' in where ? whoListens(where.port) : undefined
      const code = cause.code === 'EADDRINUSE' ? 'PORT_IN_USE' : 'ADDRESS_UNAVAILABLE'
      const message = `the control API cannot listen on ${text}: ${cause.code ?? cause.message}${who ? ` (${who})` : ''}`
      const remedy = 'Set controlPort to 0 (any free port) or another one, controlHost, or controlEnabled to false.'
      reject(new UnderstudyError(code, message, { cause, remedy }))
    })
    server.listen({ ...where, backlog: BACKLOG }, resolve)
  })

/** What a dead agent left: a socket that nobody listens on any more is in the way of the next. */
const removeStale = (path: string): void => {
  try {
    if (lstatSync(path).isSocket()) rmSync(path)
  } catch {
    // there is none
  }
}

export const createAgentControl = ({ controlHost, controlPort, controlSocket }: Config): AgentControl => {
  const ports: number[] = []
  let bind: ((port: number) => Promise<number>) | undefined
  return {
    host: controlHost,
    listening: () => ports,
    bind: (port) => (bind ? bind(port) : Promise.reject(new Error('it does not listen yet'))),
    open: async (plane) => {
      if (controlSocket !== '') {
        removeStale(controlSocket)
        await listen(plane.createServer(), { path: controlSocket })
        chmodSync(controlSocket, 0o600)
        return `unix:${controlSocket}`
      }
      bind = async (port) => {
        const server = plane.createServer()
        await listen(server, { host: controlHost, port })
        const address = server.address()
        const bound = typeof address === 'object' && address ? address.port : port
        ports.push(bound)
        return bound
      }
      return `${controlHost}:${await bind(controlPort)}`
    },
  }
}
