/** The control API of one run: on loopback, where its command can reach it, and where whoever started the run can. */
import type { ServerPorts } from '../control/ports.ts'
import type { Netns } from '../kernel/netns.ts'
import type { DataPlane } from '../understudy.ts'
import type { RunCgroup } from '../workloads/cgroup.ts'
import { adopt, listenIn } from './listening.ts'

const LOOPBACK = '127.0.0.1'

export interface RunControl extends ServerPorts {
  /** Listens in each of the namespaces, on the same port; 0 takes any that is free. Resolves with it. */
  open(plane: DataPlane, port: number): Promise<number>
}

/** There is one namespace, or the command has another one than we. */
export const createRunControl = (namespaces: readonly Netns[], cgroup: RunCgroup): RunControl => {
  const ports: number[] = []
  let listen: ((port: number) => Promise<number>) | undefined

  return {
    host: LOOPBACK,
    listening: () => ports,
    bind: (port) => (listen ? listen(port) : Promise.reject(new Error('it does not listen yet'))),
    open: (plane, wanted) => {
      listen = async (asked) => {
        let port = asked
        for (const netns of namespaces) {
          const fd = listenIn(netns, cgroup, { address: LOOPBACK, port, key: '--control' })
          if (fd !== undefined) port = await adopt(plane.createServer({ direction: 'direct' }), fd)
        }
        ports.push(port)
        return port
      }
      return listen(wanted)
    },
  }
}
