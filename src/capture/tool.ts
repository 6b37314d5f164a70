/** Runs the system's own tools in a network namespace, with nothing of the caller's environment. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

/** The system's folders only: what runs here runs as root. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
/** How much of what a tool says is kept; a listing of one table has a tenth of that. */
const KEPT_BYTES = 256 * 1024
/** How long a tool may take for what it is asked; iptables waits up to 5 s for each turn at its lock. */
const PATIENCE_MS = 60_000
/** The descriptor under which a tool finds its namespace. */
const NETNS_FD = 3

export interface Tool {
  readonly child: ChildProcess
  /** All it has said so far, up to a bound. */
  said(): { readonly out: string; readonly err: string }
  /** Resolves when it has ended, with its exit status; 127 where it could not be started. */
  readonly ended: Promise<number>
  /** From now on it has to end within a minute; one that does not is killed, and counts as ended. */
  hurry(): void
  /** Resolves with the answer of `look` once it has one; undefined when the tool ends, or a minute goes by, without. */
  until<T>(look: (out: string, err: string) => T | undefined): Promise<T | undefined>
}

/** Starts the process, in a session of its own, so that no key typed reaches it. */
const spawnIn = (netnsFd: number, program: string, args: readonly string[]): ChildProcess => {
  const netns = netnsFd < 0 ? [] : [netnsFd]
  const options: SpawnOptions = {
    cwd: '/',
    env: ENVIRONMENT,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...netns],
  }
  if (netnsFd < 0) return spawn(program, args, options)
  return spawn('nsenter', [`--net=/proc/self/fd/${NETNS_FD}`, program, ...args], options)
}

/** Starts a tool in a network namespace (-1 = ours). */
export const startTool = (netnsFd: number, program: string, args: readonly string[]): Tool => {
  const child = spawnIn(netnsFd, program, args)
  const text = { out: '', err: '' }
  const waiting = new Set<() => void>()
  const { promise: ended, resolve: resolveEnded } = Promise.withResolvers<number>()
  let status: number | undefined
  let timer: NodeJS.Timeout | undefined
  const notify = (): void => {
    for (const check of waiting) check()
  }
  const keep = (where: 'out' | 'err', part: string): void => {
    text[where] = (text[where] + part).slice(0, KEPT_BYTES)
    notify()
  }
  const end = (code: number): void => {
    status ??= code
    clearTimeout(timer)
    resolveEnded(status)
    notify()
  }
  const hurry = (): void => {
    clearTimeout(timer)
    if (status !== undefined) return
    timer = setTimeout(() => {
      keep('err', `${program} did not end within ${PATIENCE_MS / 1000} s`)
      child.kill('SIGKILL')
      end(128)
    }, PATIENCE_MS)
  }
  child.stdout?.setEncoding('utf8').on('data', (part: string) => keep('out', part))
  child.stderr?.setEncoding('utf8').on('data', (part: string) => keep('err', part))
  child.stdin?.on('error', () => {}) // it may end before it has read
  child.once('error', (error) => {
    keep('err', error.message)
    end(127)
  })
  child.once('close', (code) => end(code ?? 128))
  const until: Tool['until'] = (look) =>
    new Promise((resolve) => {
      const check = (): void => {
        const found = look(text.out, text.err)
        if (found === undefined && status === undefined) return
        waiting.delete(check)
        clearTimeout(timer)
        resolve(found)
      }
      hurry()
      waiting.add(check)
      check()
    })
  return { child, said: () => ({ ...text }), hurry, ended, until }
}

/** A tool that is kept as long as what it keeps: it must not hold up the end of this process. */
export const release = ({ child }: Tool): void => {
  child.unref()
  for (const stream of [child.stdin, child.stdout, child.stderr])
    if (stream && 'unref' in stream) (stream as { unref(): void }).unref()
}

export interface Ran {
  readonly status: number
  readonly out: string
  readonly err: string
}

/** Runs a tool to its end, with `input` as its standard input. */
export const runTool = async (netnsFd: number, program: string, args: readonly string[], input = ''): Promise<Ran> => {
  const tool = startTool(netnsFd, program, args)
  tool.hurry()
  tool.child.stdin?.end(input)
  const status = await tool.ended
  return { status, ...tool.said() }
}
