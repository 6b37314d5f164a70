/** A command as a workload: started in its own cgroup, with the invoking user's identity, signals passed on. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { killAll, processesIn, type RunCgroup, signal } from './cgroup.ts'

export interface CommandOptions {
  readonly launcherPath: string
  readonly cgroup: RunCgroup
  readonly argv: readonly [string, ...string[]]
  /** A network namespace file to start it in; undefined = ours. */
  readonly netns?: string
  /** Whom to run it as; undefined = as we are. */
  readonly user?: User
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface User {
  readonly uid: number
  readonly gid: number
  readonly name: string
  readonly home: string
}

/** Signals that are meant for the command when they reach us. */
const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'] as const
/** Those of them that end a process by themselves when nobody handles them. */
const ENDING = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const
const KEYBOARD: readonly string[] = ['SIGINT', 'SIGQUIT', 'SIGWINCH']
/** How long what the command left running may take to end by itself. */
const GRACE_MS = 2000

const wholeNumber = (text = ''): number | undefined => (/^\d{1,10}$/.test(text) ? Number(text) : undefined)

/** Small images have no such file. */
const readPasswd = (): string => {
  try {
    return readFileSync('/etc/passwd', 'utf8')
  } catch {
    return ''
  }
}

/** Who called sudo, from the variables it sets; undefined when nobody did, or root itself. */
export const invokingUser = (
  env: Readonly<Record<string, string | undefined>>,
  passwd: string = readPasswd(),
): User | undefined => {
  const [uid, gid] = [wholeNumber(env['SUDO_UID']), wholeNumber(env['SUDO_GID'])]
  if (!uid || gid === undefined) return undefined
  const entry = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[2] === String(uid))
  return { uid, gid, name: entry?.[0] ?? env['SUDO_USER'] ?? '-', home: entry?.[5] ?? env['SUDO_HOME'] ?? '/' }
}

/** Whether our process group is the terminal's foreground group: then the keyboard's signals reach the command itself. */
const inForeground = (): boolean => {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[2] === fields[5] // pgrp, tpgid (proc_pid_stat(5))
  } catch {
    return false
  }
}

const identity = (user: User | undefined): [string, string, string] =>
  user ? [String(user.uid), String(user.gid), user.name] : ['-', '-', '-']

/** The soft limit of open files before the runtime raised it (bin/understudy); '-' where it is not known. */
const openFiles = (env: CommandOptions['env']): string => {
  const limit = env['UNDERSTUDY_OPEN_FILES'] ?? ''
  return /^\d{1,10}$/.test(limit) ? limit : '-'
}

const environment = (options: CommandOptions): Record<string, string | undefined> => {
  const { user } = options
  const { UNDERSTUDY_OPEN_FILES: _, ...env } = options.env
  if (!user) return env
  return { ...env, HOME: user.home, USER: user.name, LOGNAME: user.name }
}

/** Exit status as a shell reports it: the code, or 128 + the signal's number. */
const statusOf = (code: number | null, name: NodeJS.Signals | null): number =>
  code ?? 128 + (name === null ? 0 : constants.signals[name])

export interface HeldSignals {
  /** With what a signal that has come would have ended this process, as a shell reports it. */
  received(): Promise<number | undefined>
  release(): void
}

/** Keeps ending signals from ending us while there is something to clear up. */
export const holdSignals = (): HeldSignals => {
  let status: number | undefined
  const hold = (received: NodeJS.Signals): void => {
    status ??= statusOf(null, received)
  }
  for (const each of ENDING) process.on(each, hold)
  return {
    received: async () => {
      await new Promise((resolve) => setImmediate(resolve)) // one turn of the loop: what has arrived is delivered
      return status
    },
    release: () => {
      for (const each of ENDING) process.off(each, hold)
    },
  }
}

export interface RunningCommand {
  readonly pid: number
  /** Resolves with its exit status when the command itself has ended. */
  readonly ended: Promise<number>
}

/** Starts the command. Exit status 127 and 126 as a shell's, 125 for a failure of the launcher. */
export const startCommand = (options: CommandOptions): RunningCommand => {
  const [uid, gid, name] = identity(options.user)
  const child = spawn(
    options.launcherPath,
    [
      `${options.cgroup.workload}/cgroup.procs`,
      options.netns ?? '-',
      uid,
      gid,
      name,
      openFiles(options.env),
      '--',
      ...options.argv,
    ],
    { stdio: 'inherit', env: environment(options) },
  )
  const pass = (received: NodeJS.Signals): void => {
    // The keyboard signals the whole foreground group, the command included: once is enough.
    if (KEYBOARD.includes(received) && inForeground()) return
    child.kill(received)
  }
  for (const each of FORWARDED) process.on(each, pass)
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, ending) => {
      for (const each of FORWARDED) process.off(each, pass)
      resolve(statusOf(code, ending))
    })
  })
  return { pid: child.pid ?? 0, ended }
}

/** Ends what a command left running in its cgroup: politely, then not. Returns how many there were. */
export const endLeftovers = async (cgroup: RunCgroup): Promise<number> => {
  const left = processesIn(cgroup.workload)
  if (left.length === 0) return 0
  for (const pid of left) signal(pid, 'SIGTERM')
  const deadline = Date.now() + GRACE_MS
  while (processesIn(cgroup.workload).length > 0 && Date.now() < deadline) await pause(20)
  killAll(cgroup.workload)
  while (processesIn(cgroup.workload).length > 0 && Date.now() < deadline + GRACE_MS) await pause(20)
  return left.length
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
