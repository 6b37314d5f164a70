/** The text of a small file that rotates: a token, certificates. The last good text outlives a file that cannot be read. */
import { readFileSync, statSync } from 'node:fs'
import type { Clock } from './clock.ts'

export interface FileText {
  /** Reads again where the last reading is old. Throws why there is no text, never yet one that was good. */
  read(): string
  /** The next `read` opens the file whatever its age. */
  expire(): void
  /** What is wrong with the file at present. */
  readonly trouble: string | undefined
}

const REFRESH_MS = 60_000
const MOST_BYTES = 1024 * 1024

/** `accept` makes of the file's text what is returned, and throws where it is not as it should be. */
export const createFileText = (path: string, clock: Clock, accept: (text: string) => string): FileText => {
  let text: string | undefined
  let trouble: string | undefined
  let readAtMs = Number.NEGATIVE_INFINITY

  const load = (): void => {
    readAtMs = clock.now()
    try {
      if (statSync(path).size > MOST_BYTES) throw new Error(`it is larger than ${MOST_BYTES} bytes`)
      text = accept(readFileSync(path, 'utf8'))
      trouble = undefined
    } catch (error) {
      trouble = `${path}: ${error instanceof Error ? error.message : String(error)}`
    }
  }
  return {
    read: () => {
      const ageMs = clock.now() - readAtMs
      // A clock that was set back must not keep an old token alive.
      if (ageMs >= REFRESH_MS || ageMs < 0 || text === undefined) load()
      if (text === undefined) throw new Error(trouble ?? `${path}: no text`)
      return text
    },
    expire: () => {
      readAtMs = Number.NEGATIVE_INFINITY
    },
    get trouble() {
      return trouble
    },
  }
}

/** A bearer token as a header can carry it. */
export const acceptToken = (text: string): string => {
  const token = text.trim()
  if (token === '') throw new Error('there is no token in it')
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Error('what is in it is not one token')
  return token
}

export const acceptCertificates = (text: string): string => {
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new Error('there is no certificate in it')
  return text
}
