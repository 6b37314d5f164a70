/** The process edge: arguments in, exit code out. */
import { HELP } from './cli/help.ts'
import { EXIT_CODES, UnderstudyError } from './errors.ts'
import { version } from './paths.ts'

/** Each takes its arguments and resolves with the exit code. Loaded when asked for: the others cost memory. */
const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  run: async (args) => (await import('./cli/run.ts')).run(args),
  serve: async (args) => (await import('./cli/serve.ts')).serve(args),
  agent: async (args) => (await import('./cli/agent.ts')).agent(args),
  doctor: async (args) => (await import('./cli/doctor.ts')).doctor(args),
  cleanup: async (args) => (await import('./cli/cleanup.ts')).cleanup(args),
}

const say = (text: string): void => void process.stdout.write(text)
const complain = (text: string): void => void process.stderr.write(text)

const dispatch = async ([name = '', ...args]: readonly string[]): Promise<number> => {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command) return command(args)
  if (['--version', '-V', 'version'].includes(name)) say(`understudy ${version()}\n`)
  else if (['--help', '-h', 'help'].includes(name)) say(HELP.main)
  else {
    const unknown = name === '' ? 'no command given' : `unknown command "${name}"`
    throw new UnderstudyError('BAD_USAGE', unknown, { remedy: '`understudy --help` lists the commands.' })
  }
  return 0
}

const report = (error: unknown): number => {
  if (!(error instanceof UnderstudyError)) {
    complain(`understudy: this is a bug: ${error instanceof Error ? error.stack : String(error)}\n`)
    return EXIT_CODES.bug
  }
  complain(`understudy: ${error.message} [${error.code}]\n`)
  if (error.remedy) complain(`  ${error.remedy}\n`)
  const log = error.facts['log']
  if (Array.isArray(log)) for (const line of log) complain(`  | ${String(line)}\n`)
  return EXIT_CODES[error.class]
}

process.exitCode = await dispatch(process.argv.slice(2)).catch(report)
// All is closed and written down. What nobody waits for any more, names that are looked up and templates that others would
// have had rendered, does not keep the process: there may be minutes of it.
setTimeout(() => process.exit(), 500).unref()
