/**
 * Keeps rules that the kernel would keep for ever: a shell that makes them, waits for the end of its standard input, and
 * removes them. That end comes with our own, whichever way we go.
 */
import { release, startTool } from './tool.ts'

export interface Guarded {
  readonly netnsFd: number
  /** Shell commands; the first that fails ends them, and what was made is removed. */
  readonly install: string
  /** Shell commands that take away whatever is there, however much of it. */
  readonly remove: string
  /** $1, $2 … of both. */
  readonly args: readonly string[]
  /** It has ended before its time; the rules may be there still. */
  readonly onLost: (why: string) => void
}

export type Guardian =
  | { readonly kind: 'ready'; stop(): Promise<boolean> }
  /** Nothing is left of it. `status`: with which the install commands ended. */
  | { readonly kind: 'failed'; readonly status: number; readonly said: string }

/** Nothing but the end of its input ends it: not the keyboard, not a pipe that nobody reads. */
const script = (install: string, remove: string): string => `
trap '' INT TERM HUP QUIT PIPE
remove() {
${remove}
:
}
( set -e
${install}
)
status=$?
if [ $status -ne 0 ]; then
  # What somebody else has taken is not ours to remove.
  [ $status -eq 3 ] || remove "$@" >/dev/null
  exit $status
fi
echo ready
read -r nothing
remove "$@"
`

/** Makes the rules and resolves when they are there, or when they could not be made. */
export const startGuardian = async ({ netnsFd, install, remove, args, onLost }: Guarded): Promise<Guardian> => {
  const tool = startTool(netnsFd, 'sh', ['-c', script(install, remove), 'understudy-guardian', ...args])
  const ready = await tool.until((out) => (/^ready$/m.test(out) ? true : undefined))
  if (!ready) return { kind: 'failed', status: await tool.ended, said: tool.said().err }
  release(tool)
  let isStopping = false
  void tool.ended.then((status) => {
    if (!isStopping) onLost(`the process that keeps the rules has ended (${status})`)
  })
  return {
    kind: 'ready',
    stop: async () => {
      isStopping = true
      tool.child.ref()
      tool.hurry()
      tool.child.stdin?.end()
      return (await tool.ended) === 0
    },
  }
}
