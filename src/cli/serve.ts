import { startServing } from '../serve.ts'
import { HELP } from './help.ts'
import { COMMON_FLAGS, loadInputs, missesText, parseFlags, portFlag } from './options.ts'

const DEFAULT_PORT = 1080
export const SERVE_FLAGS = { ...COMMON_FLAGS, port: { type: 'string', short: 'p' }, host: { type: 'string' } } as const

/** `understudy serve`: resolves with 0 after SIGINT, SIGTERM or the control API's `stop`. */
export const serve = async (args: readonly string[]): Promise<number> => {
  const values = parseFlags('serve', args, SERVE_FLAGS)
  if (values['help']) {
    process.stdout.write(HELP.serve)
    return 0
  }
  const port = portFlag('serve', values['port'], DEFAULT_PORT)
  const inputs = loadInputs('serve', values, {})
  const { host, record, 'record-expectations': recording } = values
  const ended = new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve())
  })
  const serving = await startServing({
    ...inputs,
    port,
    host: typeof host === 'string' ? host : '127.0.0.1',
    ...(typeof record === 'string' ? { recordPath: record } : {}),
    ...(typeof recording === 'string' ? { recordingPath: recording } : {}),
  })
  await Promise.race([ended, serving.stopped])
  await serving.close()
  process.stderr.write(missesText(serving.misses()))
  return 0
}
