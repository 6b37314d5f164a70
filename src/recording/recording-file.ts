/** `--record-expectations FILE`: written anew as a whole, in place of the last recording only. */
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { UnderstudyError } from '../errors.ts'

const PRIVATE = 0o600
/** A recording says who wrote it near its start. */
const MARK = /^\s*\{\s*"recordedBy"\s*:\s*"understudy /

const unwritable = (path: string, cause: unknown, remedy: string): UnderstudyError => {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new UnderstudyError('FILE_UNWRITABLE', `cannot write a recording to ${path}: ${why}`, { cause, remedy })
}

/** Throws FILE_UNWRITABLE where there is a file that is no recording: somebody may have written it by hand. */
export const requireReplaceable = (path: string): void => {
  if (!existsSync(path)) return
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw unwritable(path, cause, 'Give the path of a file that this user may read and write.')
  }
  if (text.trim() === '' || MARK.test(text)) return
  throw unwritable(path, 'it is there, and no recording', 'Give another path, or remove the file first.')
}

/** Writes the file beside its place and moves it there, so that nobody ever sees half of it. Throws FILE_UNWRITABLE. */
export const writeRecording = (
  path: string,
  text: string,
  owner?: { readonly uid: number; readonly gid: number },
): void => {
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}`)
  try {
    writeFileSync(beside, text, { mode: PRIVATE, flag: 'wx' })
    if (owner) chownSync(beside, owner.uid, owner.gid)
    renameSync(beside, path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') rmSync(beside, { force: true })
    throw unwritable(path, cause, 'Give a path in a folder that this user may write to.')
  }
}
