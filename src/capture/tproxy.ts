/** TPROXY by nftables, or by iptables where there is no nft: nothing is rewritten, the listeners take any address. */
import { type Capture, type LeftRules, type Ports, refused, type StartPorts, type Target } from './capture.ts'
import { type Guardian, startGuardian } from './guardian.ts'
import { checkIptables, countedByIptables, familiesOf, restoreAll } from './iptables.ts'
import { iptablesTproxy } from './iptables-rules.ts'
import { removalOf, removeLeft } from './leftovers.ts'
import { mustMatch } from './matched.ts'
import { checkNft, type NftOwner, startNftOwner } from './nft-owner.ts'
import { countedBy, nftTproxy, tableName } from './nft-rules.ts'
import { addRouting, isTaken, SLOTS, slotAt, TAKEN } from './policy-routing.ts'
import { runTool } from './tool.ts'

const MODE = 'tproxy'
const SOME_PORTS = { port4: 9, port6: 9 }

/** What `ip` shows of rules and of routes in all tables, both families. */
const shownRouting = async (netnsFd: number): Promise<{ rules: string; routes: string }> => {
  const show = async (...args: string[]): Promise<string> => {
    const { status, out, err } = await runTool(netnsFd, 'ip', args)
    if (status === 127) throw refused(MODE, err)
    return out // a namespace without IPv6 has none to show
  }
  const both = async (...args: string[]) => `${await show('-4', ...args)}\n${await show('-6', ...args)}`
  return { rules: await both('rule', 'show'), routes: await both('route', 'show', 'table', 'all') }
}

interface Kept {
  readonly guardian: Extract<Guardian, { kind: 'ready' }>
  readonly left: LeftRules
}

interface Making {
  readonly target: Target
  readonly listeners: Ports
  readonly ports: StartPorts
  readonly tool: LeftRules['tool']
}

/** Claims the first free slot: mark, table, rules. Two runs that take the same one at once: the second takes the next. */
const claim = async ({ target, listeners, ports, tool }: Making): Promise<Kept> => {
  const families = familiesOf(listeners)
  const { rules, routes } = await shownRouting(target.netnsFd)
  for (let index = 0; index < SLOTS; index++) {
    const slot = slotAt(index)
    if (isTaken(slot, rules, routes)) continue
    const left: LeftRules = { id: target.id, tool, isTproxy: true, slot: index }
    ports.note(left)
    const guardian = await startGuardian({
      netnsFd: target.netnsFd,
      install: `${addRouting(slot, families)}\n${tool === 'iptables' ? restoreAll(families) : ':'}`,
      remove: removalOf(left),
      args: families.map((family) => iptablesTproxy({ ...target, ports: listeners }, family, slot)),
      onLost: ports.onLost,
    })
    if (guardian.kind === 'ready') return { guardian, left }
    ports.note(undefined)
    const isLost = guardian.status === TAKEN && guardian.said.includes('File exists')
    if (!isLost) throw refused(MODE, guardian.said)
  }
  const [first, last] = [slotAt(0), slotAt(SLOTS - 1)]
  throw refused(
    MODE,
    `the marks ${first.mark} to ${last.mark} or the routing tables of the same numbers are all in use in this namespace`,
    '`ip rule` and `ip route show table all` tell by whom. Use --capture nft or iptables, which need neither.',
  )
}

const whyNotNft = (target: Target): Promise<string | undefined> =>
  checkNft(target.netnsFd, nftTproxy({ ...target, ports: SOME_PORTS }, slotAt(0)))

export const createTproxy = (): Capture => {
  let owner: NftOwner | undefined
  let undo: (() => Promise<unknown>) | undefined
  return {
    name: MODE,
    isTransparent: true,
    check: async (target) => {
      await shownRouting(target.netnsFd)
      const why = await whyNotNft(target)
      if (why !== undefined) await checkIptables(target.netnsFd, MODE, 'mangle')
    },
    start: async (target, listeners, ports) => {
      const tool = (await whyNotNft(target)) === undefined ? 'nft' : 'iptables'
      const { guardian, left } = await claim({ target, listeners, ports, tool })
      undo = async () => {
        await owner?.stop()
        await guardian.stop()
        await removeLeft(left, target.netnsFd)
        ports.note(undefined)
      }
      if (tool === 'nft') {
        owner = await startNftOwner({
          netnsFd: target.netnsFd,
          table: tableName(target.id),
          commands: nftTproxy({ ...target, ports: listeners }, slotAt(left.slot)),
          mode: MODE,
          onLost: ports.onLost,
        })
      }
      const list = owner?.list
      const counted = list ? async () => countedBy(await list()) : () => countedByIptables(target, 'mangle')
      await mustMatch(MODE, ports.knock, counted)
    },
    stop: async () => {
      const step = undo
      undo = undefined
      await step?.()
    },
  }
}
