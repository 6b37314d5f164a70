/** Cuts the answer to a watch into its lines, one JSON event each. */
import { createByteStore } from './byte-store.ts'

const LF = 0x0a

export interface LineSplitter {
  /** Calls back with each line that is complete. False once a line was longer than the limit: the rest cannot be read. */
  push(chunk: Uint8Array): boolean
  /** Bytes of a line that has not ended. */
  readonly pending: number
}

/** `limit` in bytes, without the line feed. Empty lines are passed over. */
export const createLineSplitter = (limit: number, line: (text: string) => void): LineSplitter => {
  const store = createByteStore(limit)
  let isBroken = false
  const add = (bytes: Uint8Array): boolean => {
    if (store.append(bytes)) return true
    isBroken = true
    store.clear()
    return false
  }
  return {
    push: (chunk) => {
      let start = 0
      for (let end = chunk.indexOf(LF); !isBroken && end >= 0; end = chunk.indexOf(LF, start)) {
        if (!add(chunk.subarray(start, end))) return false
        start = end + 1
        if (store.length > 0) line(store.takeText())
      }
      return !isBroken && add(chunk.subarray(start))
    },
    get pending() {
      return store.length
    },
  }
}
