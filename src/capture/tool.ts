/** Runs the system's own tools in a network namespace, with nothing of the caller's environment. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

/** The system's folders only: what runs here runs as root. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
/** How much of what a tool says is kept; a listing of one table has a tenth of that. */
const KEPT_BYTES = 256 * 1024
/** The descriptor under which a tool finds its namespace. */
const NETNS_FD = 3

export interface Tool {
  readonly child: ChildProcess
  /** All it has said so far, up to a bound. */
  said(): { readonly out: string; readonly err: string }
  /** Resolves when it has ended, with its exit status; 127 where it could not be started. */
  readonly ended: Promise<number>
  /** Resolves with the answer of `look` once it has one; undefined when the tool ends without. */
  until<T>(look: (out: string, err: string) => T | undefined): Promise<T | undefined>
}

/**
 * Starts a tool in a session of its own, so that no key typed reaches it, in a network namespace (-1 = ours). It does not
 * keep this process from ending.
 */
export const startTool = (netnsFd: number, program: string, args: readonly string[]): Tool => {
  const options: SpawnOptions = {
    cwd: '/',
    env: ENVIRONMENT,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...(netnsFd < 0 ? [] : [netnsFd])],
  }
  const inside = netnsFd < 0 ? [program, ...args] : ['nsenter', `--net=/proc/self/fd/${NETNS_FD}`, program, ...args]
  const child = spawn(inside[0] ?? '', inside.slice(1), options)
  const text = { out: '', err: '' }
  const waiting = new Set<() => void>()
  let status: number | undefined
  const notify = (): void => {
    for (const check of waiting) check()
  }
  const keep = (where: 'out' | 'err', part: string): void => {
    text[where] = (text[where] + part).slice(0, KEPT_BYTES)
    notify()
  }
  child.stdout?.setEncoding('utf8').on('data', (part: string) => keep('out', part))
  child.stderr?.setEncoding('utf8').on('data', (part: string) => keep('err', part))
  child.stdin?.on('error', () => {}) // it may end before it has read
  const ended = new Promise<number>((resolve) => {
    const end = (code: number): void => {
      status ??= code
      resolve(status)
      notify()
    }
    child.once('error', (error) => {
      text.err += error.message
      end(127)
    })
    child.once('close', (code) => end(code ?? 128))
  })
  return {
    child,
    said: () => ({ ...text }),
    ended,
    until: (look) =>
      new Promise((resolve) => {
        const check = (): void => {
          const found = look(text.out, text.err)
          if (found === undefined && status === undefined) return
          waiting.delete(check)
          resolve(found)
        }
        waiting.add(check)
        check()
      }),
  }
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
  tool.child.stdin?.end(input)
  const status = await tool.ended
  return { status, ...tool.said() }
}
