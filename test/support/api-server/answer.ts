/** Where the bytes of a right answer go: to the client at once, a few at a time, or only the first of them. */
import type { ServerResponse } from 'node:http'
import type { Fault } from './faults.ts'

export interface Answer {
  head(code: number, headers?: Readonly<Record<string, string>>): void
  write(text: string): void
  end(text?: string): void
  /** Called when the client is gone or everything was sent. */
  onClose(closed: () => void): void
}

const plain = (response: ServerResponse): Answer => ({
  head: (code, headers) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers })
    response.flushHeaders()
  },
  write: (text) => void response.write(text),
  end: (text) => void response.end(text),
  onClose: (closed) => void response.once('close', closed),
})

const cut = (response: ServerResponse, afterBytes: number): Answer => {
  const right = plain(response)
  let left = afterBytes
  const write = (text: string): void => {
    const bytes = Buffer.from(text)
    if (left < 0) return
    if (bytes.length < left) {
      left -= bytes.length
      response.write(bytes)
      return
    }
    const last = bytes.subarray(0, left)
    left = -1
    // only when these bytes are out, else the reset overtakes them
    response.write(last, () => response.socket?.destroy())
  }
  return {
    ...right,
    write,
    end: (text) => {
      if (text) write(text)
      if (left >= 0) response.end()
    },
  }
}

const trickle = (response: ServerResponse, bytesAtOnce: number, everyMs: number): Answer => {
  const right = plain(response)
  let waiting = Buffer.alloc(0)
  let isEnding = false
  const timer = setInterval(() => {
    if (waiting.length > 0) response.write(waiting.subarray(0, bytesAtOnce))
    waiting = waiting.subarray(bytesAtOnce)
    if (waiting.length > 0 || !isEnding) return
    clearInterval(timer)
    response.end()
  }, everyMs)
  response.once('close', () => clearInterval(timer))
  const write = (text: string): void => {
    waiting = Buffer.concat([waiting, Buffer.from(text)])
  }
  return {
    ...right,
    write,
    end: (text) => {
      if (text) write(text)
      isEnding = true
    },
  }
}

/** With what a test has ordered for it. */
export const answerWith = (response: ServerResponse, fault: Fault | undefined): Answer => {
  if (fault?.kind === 'cut') return cut(response, fault.afterBytes)
  if (fault?.kind === 'trickle') return trickle(response, fault.bytes, fault.everyMs)
  return plain(response)
}
