/**
 * Routes in the workload's namespace by which what the application answers to a client's own address comes back to us:
 * our connections to it carry a mark, its accepted sockets inherit the mark, and what is so marked stays here.
 */
import { z } from 'zod'
import { addRouting, isTaken, removeRouting, SLOTS, slotAt, TAKEN } from '../capture/policy-routing.ts'
import { runTool } from '../capture/tool.ts'

const Noted = z.object({
  slot: z
    .int()
    .min(0)
    .max(SLOTS - 1),
  /** What tcp_fwmark_accept was. */
  accept: z.enum(['0', '1']),
})
/** Enough to take the routes away again. */
export type SourceRoutes = Readonly<z.infer<typeof Noted>>

const ACCEPT = '/proc/sys/net/ipv4/tcp_fwmark_accept'
/** As `ip rule show` begins what any of the slots is marked with. */
const ANY_MARK = 'fwmark 0x305'

const shell = (netnsFd: number, script: string) => runTool(netnsFd, 'sh', ['-c', script])

const listing = (what: string): string => `ip -4 ${what}; ip -6 ${what} 2>/dev/null; true`

export const markOf = ({ slot }: SourceRoutes): number => slotAt(slot).mark

/**
 * Sets them up; what is about to be made is told to `note` before. The answer is the routes, or why they cannot be had, in
 * words; what was made by then is left to `removeSourceRoutes`.
 */
export const addSourceRoutes = async (
  netnsFd: number,
  note: (routes: SourceRoutes) => void,
): Promise<SourceRoutes | string> => {
  const [rules, routes, setting, six] = await Promise.all([
    shell(netnsFd, listing('rule show')),
    shell(netnsFd, listing('route show table all')),
    shell(netnsFd, `cat ${ACCEPT}`),
    shell(netnsFd, 'grep -q . /proc/net/if_inet6'),
  ])
  if (setting.status !== 0) return setting.err.trim()
  const accept = setting.out.trim() === '1' ? '1' : '0'
  for (let slot = 0; slot < SLOTS; slot++) {
    if (isTaken(slotAt(slot), rules.out, routes.out)) continue
    note({ slot, accept })
    const script = [addRouting(slotAt(slot), six.status === 0 ? [4, 6] : [4]), `echo 1 > ${ACCEPT}`]
    const { status, err } = await shell(netnsFd, ['set -e', ...script].join('\n'))
    if (status === 0) return { slot, accept }
    if (status !== TAKEN) return err.trim().replaceAll('\n', '; ')
  }
  return `${SLOTS} runs have such routes here already`
}

/** Takes them away, as far as they are there; says what. The setting stays while another run needs it. */
export const removeSourceRoutes = async (netnsFd: number, { slot, accept }: SourceRoutes): Promise<string[]> => {
  const restore = `ip rule show | grep -q '${ANY_MARK}' || echo ${accept} > ${ACCEPT}`
  const { out } = await shell(netnsFd, [removeRouting(slotAt(slot)), restore, 'true'].join('\n'))
  return out.split('\n').filter(Boolean)
}

/** Those that a dead run noted, in words. Throws where the note is not one. */
export const removeNotedRoutes = (netnsFd: number, noted: unknown): Promise<string[]> =>
  removeSourceRoutes(netnsFd, Noted.parse(noted))
