/** Ends a connection with a reset, so that what it carried cannot be taken for complete. */
import type { Socket } from 'node:net'

/**
 * Resets, at the latest once an orderly end that is under way has been sent: libuv refuses to reset a connection in the
 * middle of its shutdown, and Node then loses the descriptor. Where that end waits behind bytes that nobody takes, the
 * connection is closed instead, short of them.
 */
export const reset = (socket: Socket): void => {
  if (socket.destroyed) return
  if (!socket.writableEnded || socket.writableFinished) socket.resetAndDestroy()
  else if (socket.writableLength > 0) socket.destroy()
  else socket.once('finish', () => socket.resetAndDestroy())
}
