import { join } from 'node:path'
import { ROOT } from '../support/cores.ts'
import { loadExpectations } from './expectations.ts'
import type { Peer } from './peer.ts'
import { freePort, startProgram } from './program.ts'

/** As quiet as the others; everything else as it comes: the event log is kept, records are counted. */
const QUIET = { UNDERSTUDY_LOG_LEVEL: 'warn' }

const understudy = (name: string, settings: Readonly<Record<string, string>>): Peer => ({
  name,
  start: async () => {
    const [port, adminPort] = [await freePort(), await freePort()]
    const url = `http://127.0.0.1:${port}`
    const argv = [join(ROOT, 'bin/understudy'), 'serve', '--port', `${port}`]
    const program = await startProgram(argv, url, { ...settings, UNDERSTUDY_ADMIN_PORT: `${adminPort}` })
    return { ...program, url, load: (stubs) => loadExpectations(url, stubs) }
  },
})

/** `understudy serve`, its event log on. */
export const subject = understudy('Understudy', QUIET)
/** With a line on standard error for each exchange, which is what `serve` does unless told. */
export const talkative = understudy('Understudy, every exchange logged', {})
