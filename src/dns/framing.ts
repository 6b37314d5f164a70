/** DNS over TCP (RFC 1035 4.2.2, RFC 7766 8): each message behind its length in two bytes. Pure. */

const LENGTH_BYTES = 2

/** The message as it goes onto a stream, in one piece. */
export const framed = (message: Buffer): Buffer => {
  const whole = Buffer.allocUnsafe(LENGTH_BYTES + message.length)
  whole.writeUInt16BE(message.length, 0)
  message.copy(whole, LENGTH_BYTES)
  return whole
}

/**
 * Cuts a stream into messages, whatever segments it comes in; holds at most one unfinished message, 64 KiB, which is
 * made once and filled, so that a stream of single bytes costs no more than another.
 */
export const createUnframer = (): ((chunk: Buffer) => Buffer[]) => {
  const length = Buffer.alloc(LENGTH_BYTES)
  let lengthRead = 0
  let body: Buffer = Buffer.alloc(0)
  let bodyRead = 0
  return (chunk) => {
    const messages: Buffer[] = []
    let at = 0
    while (at < chunk.length) {
      if (lengthRead < LENGTH_BYTES) {
        length[lengthRead++] = chunk[at++] ?? 0
        if (lengthRead < LENGTH_BYTES) continue
        body = Buffer.allocUnsafe(length.readUInt16BE(0))
        bodyRead = 0
      }
      const taken = chunk.copy(body, bodyRead, at)
      at += taken
      bodyRead += taken
      if (bodyRead < body.length) continue
      messages.push(body)
      lengthRead = 0
    }
    return messages
  }
}
