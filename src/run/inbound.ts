/** The inbound half of one run: programs that hand connections to the command's own ports to us, and our listeners. */
import { isIP } from 'node:net'
import type { Logger } from 'pino'
import type { InboundPort } from '../config/inbound-schema.ts'
import type { Config } from '../config/schema.ts'
import { UnderstudyError } from '../errors.ts'
import { type InboundKernel, loadInbound } from '../kernel/inbound.ts'
import type { InboundMode } from '../kernel/inbound-ports.ts'
import type { Netns } from '../kernel/netns.ts'
import type { Kernel } from '../kernel/programs.ts'
import { errorName, type Shim } from '../kernel/shim.ts'
import { PATHS } from '../paths.ts'
import type { InboundOptions } from '../plane-options.ts'
import type { DataPlane } from '../understudy.ts'
import { createApplication } from '../workloads/application.ts'
import { type ListenerCgroup, ownCgroup } from '../workloads/cgroup.ts'
import { defaultInterface } from '../workloads/default-interface.ts'
import type { RunState } from '../workloads/run-state.ts'
import { adopt, listenIn } from './listening.ts'
import { requireBuilt } from './requirements.ts'
import { notedIn } from './rules-left.ts'
import { addSourceRoutes, markOf, removeSourceRoutes, type SourceRoutes } from './source-routing.ts'
import type { Undo } from './undo.ts'

export interface InboundContext {
  readonly shim: Shim
  readonly config: Config
  readonly netns: Netns
  /** Of that namespace; undefined for our own. */
  readonly netnsPath: string | undefined
  readonly cgroup: ListenerCgroup
  /** The outbound programs, where it is they that capture. */
  readonly main: Kernel | undefined
  readonly state: Pick<RunState, 'leaves' | 'noteRoutes'>
  readonly undo: Undo
  readonly log: Logger
  /** SO_MARK of our own sockets to the application; 0 unless told. */
  readonly ownMark?: number
}

export interface InboundRun {
  readonly kernel: InboundKernel
  /** For the data plane. */
  readonly plane: InboundOptions
  /** Listens, and starts to steer; as long as the command lives, the data plane must close after this is undone. */
  open(plane: Pick<DataPlane, 'createServer'>): Promise<void>
}

const PROG_TYPE_SK_LOOKUP = 30
const MAP_TYPE_SOCKMAP = 15
/** Any free port, but the same for both families. */
const PORT_ATTEMPTS = 16

const chooseMode = (shim: Shim, { mode, external }: Config['inbound']): InboundMode => {
  if (external) return 'tc'
  if (mode !== 'auto') return mode
  const has = (probe: 'understudy_probe_program' | 'understudy_probe_map', type: number): boolean =>
    shim.raw(probe, type) === 1
  const hasLookup =
    has('understudy_probe_program', PROG_TYPE_SK_LOOKUP) && has('understudy_probe_map', MAP_TYPE_SOCKMAP)
  return hasLookup ? 'sk_lookup' : 'tc'
}

const chooseInterface = ({ config, netns }: InboundContext): string => {
  const name = config.inbound.interface ?? defaultInterface((file) => netns.readProcNet(file))
  if (name !== undefined) return name
  throw new UnderstudyError('ATTACH_REFUSED', 'the workload has no default route, so its interface cannot be told', {
    remedy: 'Set inbound.interface to the one that clients come in by, as `ip link` shows it there.',
  })
}

const load = (context: InboundContext, mode: InboundMode, mark: number): InboundKernel => {
  const { shim, config, netns, cgroup, main } = context
  const { external, proxyCgroup, originalDstMap } = config.inbound
  return loadInbound(shim, {
    objectPath: PATHS.inboundObject,
    mode,
    netnsFd: netns.fd,
    // Whoever clears up after us is in the same namespace, or finds by its inode that it is not.
    netnsPath: context.netnsPath ?? '/proc/self/ns/net',
    listenerCgroup: external ? proxyCgroup : cgroup.listener || ownCgroup(),
    ...(main ? { main } : {}),
    mark,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    heartbeatStaleMs: config.heartbeatStaleMs,
    flowCapacity: config.flowCapacity,
    thirdParty: external,
    ...(mode === 'tc' ? { interface: chooseInterface(context) } : {}),
    ...(originalDstMap === '' ? {} : { mockServerMapPath: originalDstMap }),
  })
}

interface SourceKeeping {
  readonly mark: number
  keeps(): boolean
  lost(errno: number): void
}

/** Where it cannot be had, the application sees our address and is told the client's in a header, if it has any. */
const keepSources = async ({ config, netns, netnsPath, state, undo, log }: InboundContext): Promise<SourceKeeping> => {
  let keeps = config.inbound.preserveSource
  const giveUp = (why: string): void => {
    if (keeps) log.warn({ why }, 'the application does not see the addresses of its clients')
    keeps = false
  }
  let mark = 0
  if (keeps) {
    let noted: SourceRoutes | undefined
    undo.add(async () => {
      if (noted) await removeSourceRoutes(netns.fd, noted)
      state.noteRoutes(undefined)
    })
    const routes = await addSourceRoutes(netns.fd, (about) => {
      noted = about
      state.noteRoutes(notedIn(about, netnsPath))
    })
    if (typeof routes === 'string') giveUp(routes)
    else mark = markOf(routes)
  }
  return { mark, keeps: () => keeps, lost: (errno) => giveUp(`a socket with such an address: ${errorName(errno)}`) }
}

const listenAt = ({ netns, cgroup }: InboundContext, address: string, port: number): number | undefined =>
  listenIn(netns, cgroup, { address, port, key: 'the proxyPort' })

interface Listening {
  readonly appPort: number
  readonly proxyPort: number
  readonly fds: readonly number[]
}

const isInUse = (error: unknown): boolean => error instanceof UnderstudyError && error.code === 'PORT_IN_USE'

/** tc: on all addresses, since packets keep theirs; both families on one port. */
const listenOnAll = async (
  context: InboundContext,
  plane: Pick<DataPlane, 'createServer'>,
  port: InboundPort,
): Promise<Listening> => {
  const traits = { direction: 'inbound', standsFor: port.port } as const
  for (let attempt = 1; ; attempt++) {
    const fd4 = listenAt(context, '0.0.0.0', port.proxyPort) ?? -1
    const server = plane.createServer(traits)
    const proxyPort = await adopt(server, fd4)
    try {
      const fd6 = listenAt(context, '::', proxyPort)
      if (fd6 !== undefined) await adopt(plane.createServer(traits), fd6)
      return { appPort: port.port, proxyPort, fds: fd6 === undefined ? [fd4] : [fd4, fd6] }
    } catch (error) {
      if (port.proxyPort !== 0 || attempt === PORT_ATTEMPTS || !isInUse(error)) throw error
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

/** sk_lookup: the sockets are handed connections whatever they are bound to; on loopback nobody else finds them. */
const listenOnLoopback = async (
  context: InboundContext,
  plane: Pick<DataPlane, 'createServer'>,
  port: InboundPort,
): Promise<Listening> => {
  const fds: number[] = []
  for (const address of ['127.0.0.1', '::1']) {
    const fd = listenAt(context, address, 0)
    if (fd === undefined) continue
    await adopt(plane.createServer({ direction: 'inbound', standsFor: port.port }), fd)
    fds.push(fd)
  }
  return { appPort: port.port, proxyPort: 0, fds }
}

const listen = (
  context: InboundContext,
  plane: Pick<DataPlane, 'createServer'>,
  mode: InboundMode,
): Promise<Listening[]> => {
  const { ports, external } = context.config.inbound
  const open = mode === 'tc' ? listenOnAll : listenOnLoopback
  const opened = ports.map(({ port, proxyPort }) => ({ appPort: port, proxyPort, fds: [] }))
  return external ? Promise.resolve(opened) : Promise.all(ports.map((port) => open(context, plane, port)))
}

const startSteering = (context: InboundContext, kernel: InboundKernel, mode: InboundMode, all: Listening[]): void => {
  const { shim, state, undo, log } = context
  kernel.setPorts(all)
  for (const { appPort, fds } of all) {
    for (const fd of fds) {
      if (mode === 'tc') kernel.markListener(fd)
      else kernel.assign(appPort, fd)
    }
  }
  kernel.startHeartbeat()
  const remains = kernel.remains()
  if (remains) state.leaves([remains])
  undo.add(() => kernel.drain())
  kernel.attach()
  for (const line of shim.takeLog()) log.debug({ component: 'libbpf', line }, 'libbpf')
  const ports = all.map(({ appPort, proxyPort }) => ({ appPort, proxyPort }))
  log.info({ mode, hook: kernel.attachedBy, ports }, 'intercepting inbound')
}

/** Loads the inbound programs where a port is named. Call before the data plane is made, `open` when all else works. */
export const prepareInbound = async (context: InboundContext): Promise<InboundRun | undefined> => {
  const { shim, config, netns, state, undo, log, ownMark = 0 } = context
  if (config.inbound.ports.length === 0) return undefined
  const mode = chooseMode(shim, config.inbound)
  requireBuilt(['inboundObject'])
  const source = await keepSources(context)
  const kernel = load(context, mode, source.mark)
  undo.add(() => {
    kernel.close()
    state.leaves([])
  })
  const application = createApplication({ readProcNet: (name) => netns.readProcNet(name) })
  // tc never sees our own connections, which go over loopback.
  const areSteered = mode === 'sk_lookup'
  return {
    kernel,
    plane: {
      identify: kernel.identify,
      addressFor: (wanted, port) => {
        // With its client's address and the address it asked for, our connection could be taken for one of the client's.
        const asked = areSteered && source.keeps() ? (isIP(wanted) === 6 ? '::1' : '127.0.0.1') : wanted
        return application.addressFor(asked, port)
      },
      keepsSource: source.keeps,
      sockets: {
        areSteered,
        make: (ipv6, from, withPort) =>
          from === ''
            ? { fd: netns.makeSocket(ipv6, '', ownMark), port: 0 }
            : netns.makeSocketAs(from, source.keeps() ? source.mark : 0, withPort),
        announce: (dial) => {
          try {
            kernel.ownDial(dial)
            return true
          } catch (err) {
            log.warn({ err }, 'the kernel cannot be told of a connection to the application')
            return false
          }
        },
        forget: kernel.forgetDial,
        onSourceLost: source.lost,
        onRefused: application.forget,
      },
    },
    open: async (plane) => startSteering(context, kernel, mode, await listen(context, plane, mode)),
  }
}
