import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { loadExpectations } from './expectations.ts'
import type { Peer } from './peer.ts'
import { freePort, packaged, startProgram } from './program.ts'

/** More than any case has; it keeps 15,000 or what it takes its memory to have room for, and drops the oldest. */
const CAPACITY = 20_000

/** The jar that the package carries; its own starter would fetch another from the network. */
const jar = (): string => {
  const folder = packaged('mockserver-node')
  const name = readdirSync(folder).find((one) => one.endsWith('.jar'))
  if (name === undefined) throw new Error('the package mockserver-node has no jar')
  return join(folder, name)
}

export const mockServer: Peer = {
  name: 'MockServer 8.0.0',
  start: async () => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const settings = ['-Dmockserver.logLevel=WARN', `-Dmockserver.maxExpectations=${CAPACITY}`]
    const argv = ['java', '-Xmx512m', ...settings, '-jar', jar(), '-serverPort', `${port}`]
    const program = await startProgram(argv, `${url}/none`)
    return { ...program, url, load: (stubs) => loadExpectations(url, stubs) }
  },
}
