import type { Socket } from 'node:net'

/** Hears how many connections there are. */
export interface ConnectionGauge {
  flowOpened(): void
  flowClosed(): void
}

/** The client connections of a data plane, and the wait until there are none. */
export const createConnections = (gauge: ConnectionGauge) => {
  const open = new Set<Socket>()
  let onEmpty = (): void => undefined
  return {
    open: open as ReadonlySet<Socket>,
    add: (socket: Socket, onClosed: () => void): void => {
      open.add(socket)
      gauge.flowOpened()
      socket.once('close', () => {
        open.delete(socket)
        gauge.flowClosed()
        onClosed()
        if (open.size === 0) onEmpty()
      })
    },
    /** Resolves when all are closed, at the latest after `timeoutMs`. */
    emptied: (timeoutMs: number): Promise<void> =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        onEmpty = () => {
          clearTimeout(timer)
          resolve()
        }
        if (open.size === 0) onEmpty()
      }),
  }
}
