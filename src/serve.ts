/** `understudy serve`: the composition of the data plane without a kernel side. */
import type { Server } from 'node:net'
import type { Config } from './config/schema.ts'
import type { Expectation } from './decide/matching/expectation.ts'
import { UnderstudyError } from './errors.ts'
import { noKernel } from './intercept/listener.ts'
import { createRecordStage } from './record-stage.ts'
import { createDataPlane } from './understudy.ts'
import { whoListens } from './workloads/who-listens.ts'

export interface ServeOptions {
  readonly config: Config
  readonly warnings: readonly string[]
  readonly expectations: readonly Expectation[]
  readonly host: string
  readonly port: number
  readonly recordPath?: string
  readonly recordingPath?: string
  readonly withMisses?: boolean
}

export interface Serving {
  readonly port: number
  readonly adminPort: number | undefined
  /** Resolves when a client of the control API has asked it to stop. */
  readonly stopped: Promise<void>
  /** What no expectation matched, one line each, where that is noted. */
  misses(): string[]
  close(): Promise<void>
}

const CLOSE_GRACE_MS = 5000
const BACKLOG = 4096

const listen = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const who = cause.code === 'EADDRINUSE' ? whoListens(port) : undefined
      if (cause.code === 'EADDRINUSE') {
        const message = `port ${port} on ${host} is in use${who ? ` by ${who}` : ''}`
        const remedy = 'Give another one with --port, or end that process.'
        return reject(new UnderstudyError('PORT_IN_USE', message, { cause, remedy }))
      }
      const remedy = 'Give an address of this machine with --host, and a port this user may listen on with --port.'
      const message = `cannot listen on ${host} port ${port}: ${cause.message}`
      reject(new UnderstudyError('ADDRESS_UNAVAILABLE', message, { cause, remedy }))
    })
    server.listen({ host, port, backlog: BACKLOG }, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })

/** Whether callers from other machines are asked for nothing. */
const isOpenToOthers = ({ host, config }: ServeOptions): boolean =>
  config.controlEnabled && config.controlTokenFile === '' && !/^(?:127\.|::1$|localhost$)/.test(host)

/** Starts to serve. Throws PORT_IN_USE, ADDRESS_UNAVAILABLE or, for a token file, FILE_UNREADABLE. */
export const startServing = async (options: ServeOptions): Promise<Serving> => {
  let listening = false
  const record = createRecordStage({
    config: options.config,
    withSummary: false,
    adminMayMove: false,
    ready: () => (listening ? { ok: true } : { ok: false, why: 'not listening yet' }),
    ...(options.recordPath === undefined ? {} : { recordPath: options.recordPath }),
    ...(options.recordingPath === undefined ? {} : { recordingPath: options.recordingPath }),
    withMisses: options.withMisses ?? false,
  })
  const ports: number[] = []
  const stopped = Promise.withResolvers<void>()
  for (const warning of options.warnings) record.log.warn({ warning }, 'a setting is not known')
  if (options.config.inbound.ports.length > 0)
    record.log.warn({ key: 'inbound' }, 'a setting is only for understudy run')
  if (isOpenToOthers(options))
    record.log.warn(
      { host: options.host },
      'whoever reaches this port may call the control API: no controlTokenFile is set',
    )
  const plane = createDataPlane({
    config: options.config,
    expectations: options.expectations,
    recorder: record.recorder,
    metrics: record.metrics,
    log: record.log,
    workload: { id: 1, name: 'serve' },
    direction: 'direct',
    identify: noKernel,
    tape: record.recording?.watch,
    missed: record.misses?.add,
    server: { host: options.host, listening: () => ports, bind: (port) => open(port), stop: () => stopped.resolve() },
  })
  const open = async (port: number): Promise<number> => {
    const bound = await listen(plane.createServer(), options.host, port)
    ports.push(bound)
    return bound
  }
  try {
    const port = await open(options.port)
    const adminPort = await record.startAdmin()
    listening = true
    record.log.info({ host: options.host, port, adminPort, expectations: options.expectations.length }, 'serving')
    return {
      port,
      adminPort,
      stopped: stopped.promise,
      misses: () => record.misses?.lines() ?? [],
      close: async () => {
        listening = false
        await plane.close(CLOSE_GRACE_MS)
        await record.close()
      },
    }
  } catch (error) {
    await plane.close(0)
    await record.close()
    throw error
  }
}
