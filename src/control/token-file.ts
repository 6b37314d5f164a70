/** The tokens that calls are asked for, from a file that may change while the process runs. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync, type Stats, statSync } from 'node:fs'
import { UnderstudyError } from '../errors.ts'

/** More is no file of tokens. */
const MAX_BYTES = 64 * 1024
const NONE: readonly Buffer[] = []

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/** One token a line, so that an old one holds until all callers have the new one. */
const hashesOf = (text: string): readonly Buffer[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map(hashOf)

/** A file that was replaced is another one: Kubernetes swaps a link. */
const versionOf = ({ ino, mtimeMs, size }: Stats): string => `${ino} ${mtimeMs} ${size}`

export interface TokenFile {
  /** Whether the value of an Authorization header has one of the tokens. Takes as long for any wrong one. */
  isAuthorized(authorization: string | undefined): boolean
}

/**
 * Throws where the file cannot be read or has no token. Later, `onProblem` is told once, and every call is refused until
 * the file can be read again.
 */
export const openTokenFile = (path: string, onProblem: (error: unknown) => void): TokenFile => {
  let version = ''
  let hashes = NONE
  const read = (): void => {
    const stats = statSync(path)
    const now = versionOf(stats)
    if (now === version) return
    if (stats.size > MAX_BYTES) throw new Error(`${path} has more than ${MAX_BYTES} bytes`)
    hashes = hashesOf(readFileSync(path, 'utf8'))
    if (hashes.length === 0) throw new Error(`${path} has no token in it`)
    version = now
  }
  let hasFailed = false
  const refresh = (): void => {
    try {
      read()
      hasFailed = false
    } catch (error) {
      version = ''
      hashes = NONE
      if (!hasFailed) onProblem(error)
      hasFailed = true
    }
  }
  read()
  return {
    isAuthorized: (authorization) => {
      refresh()
      const [, given] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? []
      if (given === undefined) return false
      const hash = hashOf(given)
      // All of them are compared, so that the time does not tell which one was nearly right.
      return hashes.map((known) => timingSafeEqual(known, hash)).includes(true)
    },
  }
}

/**
 * The same for a file that a setting names. Throws FILE_UNREADABLE with the remedy.
 *
 * @param whose what the tokens are asked for
 */
export const openTokensOf = (
  { path, setting, whose }: { readonly path: string; readonly setting: string; readonly whose: string },
  onProblem: (error: unknown) => void,
): TokenFile => {
  try {
    return openTokenFile(path, onProblem)
  } catch (cause) {
    const message = `the token file of the ${whose} cannot be read: ${cause instanceof Error ? cause.message : cause}`
    const remedy = `Put a token into the file that ${setting} names, one a line, and let this user read it.`
    throw new UnderstudyError('FILE_UNREADABLE', message, { cause, remedy })
  }
}
