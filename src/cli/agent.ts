import { startAgent } from '../agent/agent.ts'
import { environment } from '../config/load.ts'
import { HELP } from './help.ts'
import { loadInputs, parseFlags } from './options.ts'

export const AGENT_FLAGS = {
  config: { type: 'string', short: 'c' },
  expectations: { type: 'string', short: 'e', multiple: true },
  workloads: { type: 'string', short: 'w' },
  record: { type: 'string', short: 'r' },
  'log-level': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

/** `understudy agent`: serves the workloads of this node until SIGTERM or SIGINT, then resolves with 0. */
export const agent = async (args: readonly string[]): Promise<number> => {
  const values = parseFlags('agent', args, AGENT_FLAGS)
  if (values['help']) {
    process.stdout.write(HELP.agent)
    return 0
  }
  const { config, warnings, expectations } = loadInputs('agent', values, {})
  const { workloads, record } = values
  const ended = new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => resolve())
  })
  const workloadsFile = typeof workloads === 'string' ? workloads : config.workloadsFile
  const starting = startAgent({
    ...{ config, warnings, expectations, env: environment() },
    ...(workloadsFile === '' ? {} : { workloadsFile }),
    ...(typeof record === 'string' ? { recordPath: record } : {}),
  })
  // It may wait for long for the cgroup of pods: then there is nothing yet that would have to be ended in order.
  const serving = await Promise.race([starting, ended])
  if (!serving) return 0
  await ended
  await serving.close()
  return 0
}
