import { environment } from '../config/load.ts'
import { CAPTURES } from '../config/schema.ts'
import { UnderstudyError } from '../errors.ts'
import { netnsPath } from '../kernel/netns.ts'
import { runCommand } from '../run/run-command.ts'
import { invokingUser } from '../workloads/from-command.ts'
import { HELP } from './help.ts'
import { COMMON_FLAGS, loadInputs, missesText, oneOf, parseFlags, portFlag } from './options.ts'

export const RUN_FLAGS = {
  ...COMMON_FLAGS,
  summary: { type: 'boolean' },
  netns: { type: 'string' },
  capture: { type: 'string' },
  control: { type: 'string' },
  'as-root': { type: 'boolean' },
} as const

const isCommand = (argv: readonly string[]): argv is readonly [string, ...string[]] => argv.length > 0 && argv[0] !== ''

const noCommand = (message: string): UnderstudyError =>
  new UnderstudyError('BAD_USAGE', message, {
    remedy: 'Put it after two dashes: understudy run --expectations mock.yaml -- curl http://orders/7',
  })

const parse = (args: readonly string[], hasDashes: boolean) => {
  try {
    return parseFlags('run', args, RUN_FLAGS)
  } catch (error) {
    const isStray = error instanceof UnderstudyError && error.message.startsWith('Unexpected argument')
    throw isStray && !hasDashes ? noCommand('no command given to run') : error
  }
}

/** `understudy run`: resolves with the command's exit status. */
export const run = async (args: readonly string[]): Promise<number> => {
  const dashes = args.indexOf('--')
  const values = parse(dashes < 0 ? args : args.slice(0, dashes), dashes >= 0)
  if (values['help']) {
    process.stdout.write(HELP.run)
    return 0
  }
  const argv = dashes < 0 ? [] : args.slice(dashes + 1)
  if (!isCommand(argv)) throw noCommand('no command given to run')
  const env = environment()
  const capture = oneOf('run', 'capture', values['capture'], CAPTURES)
  const inputs = loadInputs('run', values, { logLevel: 'warn' })
  const user = values['as-root'] ? undefined : invokingUser(env)
  const { netns, record, 'record-expectations': recording, summary } = values
  const controlPort = values['control'] === undefined ? undefined : portFlag('run', values['control'], 0, 'control')
  const result = await runCommand({
    ...inputs,
    config: capture ? { ...inputs.config, capture } : inputs.config,
    argv,
    env,
    withSummary: typeof summary === 'boolean' ? summary : process.stderr.isTTY === true,
    ...(user ? { user } : {}),
    ...(typeof netns === 'string' ? { netns: netnsPath(netns) } : {}),
    ...(typeof record === 'string' ? { recordPath: record } : {}),
    ...(typeof recording === 'string' ? { recordingPath: recording } : {}),
    ...(controlPort === undefined ? {} : { controlPort }),
  })
  if (result.summary) process.stderr.write(`\n${result.summary}`)
  process.stderr.write(missesText(result.misses))
  return result.status
}
