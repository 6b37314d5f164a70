/** `--record FILE`: one JSON object a line, appended. */
import { closeSync, constants, fchownSync, openSync } from 'node:fs'
import type { Logger } from 'pino'
import { UnderstudyError } from '../errors.ts'
import { createAppender, type Write } from './appender.ts'

export interface RecordFile {
  /** One line with its line feed. Never blocks: a line the disk has no time or room for is dropped and counted. */
  write(line: string): void
  flush(): Promise<void>
  close(): Promise<void>
}

export interface RecordFileOptions {
  readonly path: string
  /** Who a newly created file is given to: under sudo, the user who called it. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  readonly log: Logger
  readonly onDrop: (lines: number) => void
  /** Most characters waiting for the disk; 4 MiB unless told. */
  readonly maxChars?: number
  readonly write?: Write
}

/** A pipe without a reader must fail here, not hang. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK
const PRIVATE = 0o600

const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: 'Create the folder first, or give another path.',
  ENOTDIR: 'A part of the path is a file; give another path.',
  EISDIR: 'That is a folder; give the path of a file in it.',
  EACCES: 'Give a path that this user may write to.',
  EPERM: 'Give a path that this user may write to.',
  EROFS: 'The file system is read-only; give a path on another one.',
  ENXIO: 'That is a pipe nobody reads; start the reader first, or give the path of a file.',
}

/** Opens or creates (mode 0600) the file. Errors: FILE_UNWRITABLE with the path, the cause and what to do. */
export const openRecordFile = (options: RecordFileOptions): RecordFile => {
  const { path, log, onDrop, maxChars, write } = options
  const fd = open(path, options.owner)
  let warned = false
  const appender = createAppender({
    fd,
    onDrop,
    onError: (error) => {
      if (warned) return
      warned = true
      log.warn({ path, code: error.code, err: error }, 'record file cannot be written, lines may be lost')
    },
    ...(maxChars !== undefined && { maxChars }),
    ...(write && { write }),
  })
  return {
    write: appender.write,
    flush: () => new Promise((resolve) => appender.flush(() => resolve())),
    close: () => appender.close(),
  }
}

const open = (path: string, owner: RecordFileOptions['owner']): number => {
  if (path === '-') {
    throw new UnderstudyError('FILE_UNWRITABLE', 'records go to a file; "-" is not one', {
      remedy: 'Give a path; for a file of that very name, "./-".',
      facts: { path },
    })
  }
  try {
    return create(path, owner) ?? openSync(path, APPEND)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new UnderstudyError('FILE_UNWRITABLE', `cannot write records to ${path}: ${code}`, {
      cause,
      remedy: REMEDIES[code] ?? 'Give another path.',
      facts: { path, code },
    })
  }
}

/** A new file, already its owner's; undefined where the file exists. O_EXCL: a link planted there is not followed. */
const create = (path: string, owner: RecordFileOptions['owner']): number | undefined => {
  let fd: number
  try {
    fd = openSync(path, APPEND | constants.O_CREAT | constants.O_EXCL, PRIVATE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
  try {
    if (owner) fchownSync(fd, owner.uid, owner.gid)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
