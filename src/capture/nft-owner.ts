/**
 * An `nft -i` that owns the table of one run: the kernel drops the table when the owner's socket closes, and `nft -i` ends
 * at the end of its standard input, which comes with our own end, whichever way we go.
 */
import { refused } from './capture.ts'
import { release, runTool, startTool } from './tool.ts'

export interface NftTable {
  readonly netnsFd: number
  readonly table: string
  /** Taken all at once or not at all. */
  readonly commands: readonly string[]
  /** For messages. */
  readonly mode: string
  readonly onLost: (why: string) => void
}

export interface NftOwner {
  /** The table as `nft list table` prints it. */
  list(): Promise<string>
  /** Resolves when the kernel has dropped the table. */
  stop(): Promise<void>
}

/** Whether nft and the kernel would take the commands; what they say where not. */
export const checkNft = async (netnsFd: number, commands: readonly string[]): Promise<string | undefined> => {
  const { status, err } = await runTool(netnsFd, 'nft', ['-c', '-f', '-'], `${commands.join('\n')}\n`)
  return status === 0 ? undefined : err
}

/** Makes the table. Throws CAPTURE_REFUSED. */
export const startNftOwner = async ({ netnsFd, table, commands, mode, onLost }: NftTable): Promise<NftOwner> => {
  const tool = startTool(netnsFd, 'nft', ['-i'])
  // One line is one transaction. The list after it tells that it has been worked off.
  tool.child.stdin?.write(`${commands.join('; ')}\nlist table inet ${table}\n`)
  const isMade = await tool.until((out, err) => {
    if (new RegExp(`^table inet ${table} .*^}$`, 'ms').test(out)) return true
    return new RegExp(`list table inet ${table}\n`).test(err) ? false : undefined
  })
  if (!isMade) {
    tool.child.stdin?.end()
    await tool.ended
    throw refused(mode, tool.said().err)
  }
  release(tool)
  const list = async (): Promise<string> => (await runTool(netnsFd, 'nft', ['list', 'table', 'inet', table])).out
  let isStopping = false
  void tool.ended.then((status) => {
    if (!isStopping) onLost(`nft has ended (${status}), and the rules are gone with it`)
  })
  return {
    list,
    stop: async () => {
      isStopping = true
      tool.child.ref()
      tool.hurry()
      tool.child.stdin?.end()
      await tool.ended
      // The table goes after the socket, in the kernel's own time.
      for (let attempt = 0; (await list()) !== ''; attempt++) {
        if (attempt === 100) throw refused(mode, `the table ${table} is still there`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
  }
}
