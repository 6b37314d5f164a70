import { cleanUpAgents } from '../agent/clean-up.ts'
import { loadConfig } from '../config/load.ts'
import { UnderstudyError } from '../errors.ts'
import { loadShim } from '../kernel/shim.ts'
import { PATHS } from '../paths.ts'
import { sweepPorts } from '../run/rules-left.ts'
import { sweep } from '../workloads/run-state.ts'
import { HELP } from './help.ts'
import { parseFlags } from './options.ts'

export const CLEANUP_FLAGS = { help: { type: 'boolean', short: 'h' } } as const

/** `understudy cleanup`: resolves with 0 when nothing of a dead run is left, or was kept for a reason that is printed. */
export const cleanup = async (args: readonly string[]): Promise<number> => {
  const values = parseFlags('cleanup', args, CLEANUP_FLAGS)
  if (values['help']) {
    process.stdout.write(HELP.cleanup)
    return 0
  }
  if (process.geteuid?.() !== 0) {
    throw new UnderstudyError('NOT_ROOT', 'understudy cleanup needs root to remove cgroups, pins and rules', {
      remedy: 'Run it with sudo.',
    })
  }
  const shim = loadShim(PATHS.shim)
  const swept = await sweep(sweepPorts(shim))
  const { removed: ofAgents, kept: agentKept } = cleanUpAgents(shim, loadConfig().config)
  for (const what of ofAgents) process.stdout.write(`agent: removed ${what}\n`)
  if (agentKept) process.stdout.write(`agent: kept, because ${agentKept}\n`)
  if (swept.length === 0 && ofAgents.length === 0 && !agentKept) process.stdout.write('nothing to clean up\n')
  for (const { id, removed, kept } of swept) {
    for (const what of removed) process.stdout.write(`run ${id}: removed ${what}\n`)
    if (kept) process.stdout.write(`run ${id}: kept, because ${kept}\n`)
    else if (removed.length === 0) process.stdout.write(`run ${id}: nothing was left but its state file\n`)
  }
  return 0
}
