import { HELP } from './help.ts'
import { parseFlags } from './options.ts'

export const doctor = async (args: readonly string[]): Promise<number> => {
  const values = parseFlags('doctor', args, { help: { type: 'boolean', short: 'h' }, json: { type: 'boolean' } })
  if (values['help']) process.stdout.write(HELP.doctor)
  return 0
}
