/** `connectionOptions` and `trailers` of a response: how it is sent, and what becomes of the connection. */
import { z } from 'zod'
import type { Transfer } from '../../action.ts'
import { Delay } from './delay.ts'

/** More would make a small document a huge answer: each chunk costs at least six bytes. */
const MAX_CHUNKS = 65_536

export const ConnectionOptions = z.strictObject({
  suppressContentLengthHeader: z.boolean().optional(),
  contentLengthHeaderOverride: z.int().optional(),
  suppressConnectionHeader: z.boolean().optional(),
  keepAliveOverride: z.boolean().optional(),
  chunkSize: z.int().optional(),
  chunkDelay: Delay.default(0),
  closeSocket: z.boolean().optional(),
  closeSocketDelay: Delay.default(0),
})
type ConnectionOptions = z.infer<typeof ConnectionOptions>

const contentLength = (options: ConnectionOptions): Pick<Transfer, 'contentLength'> => {
  const { contentLengthHeaderOverride: said, suppressContentLengthHeader } = options
  if (said !== undefined) return { contentLength: said }
  return suppressContentLengthHeader ? { contentLength: 'none' } : {}
}

const connection = (options: ConnectionOptions): Pick<Transfer, 'connection'> => {
  if (options.suppressConnectionHeader) return { connection: 'none' }
  if (options.keepAliveOverride === undefined) return {}
  return { connection: options.keepAliveOverride ? 'keep-alive' : 'close' }
}

/** Whether that cuts a body into too many chunks. */
export const hasTooManyChunks = ({ chunkSize = 0 }: ConnectionOptions, bodyBytes: number): boolean =>
  chunkSize > 0 && bodyBytes / chunkSize > MAX_CHUNKS

/** Undefined where the response is sent as usual. */
export const transferOf = (
  options: ConnectionOptions | undefined,
  trailers: readonly string[],
): Transfer | undefined => {
  if (options === undefined) return trailers.length === 0 ? undefined : { trailers, chunkDelayMs: 0, closeDelayMs: 0 }
  const { chunkSize, chunkDelay, closeSocket, closeSocketDelay } = options
  return {
    trailers,
    ...contentLength(options),
    ...connection(options),
    ...(chunkSize === undefined ? {} : { chunkBytes: chunkSize > 0 ? chunkSize : Number.POSITIVE_INFINITY }),
    chunkDelayMs: chunkDelay,
    ...(closeSocket === undefined ? {} : { stays: !closeSocket }),
    closeDelayMs: closeSocketDelay,
  }
}
