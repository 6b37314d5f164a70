import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Peer, Stub } from './peer.ts'
import { freePort, packaged, startProgram, tell } from './program.ts'

const jar = (): string => {
  const folder = packaged('wiremock/build')
  const name = readdirSync(folder).find((one) => one.endsWith('.jar'))
  if (name === undefined) throw new Error('the package wiremock has no jar')
  return join(folder, name)
}

const mappingOf = ({ method, path, json, answer }: Stub): unknown => ({
  request: {
    method: method ?? 'ANY',
    ...('literal' in path ? { urlPath: path.literal } : { urlPathPattern: path.pattern }),
    ...(json === undefined ? {} : { bodyPatterns: [{ equalToJson: json }] }),
  },
  response: { status: 200, headers: { 'content-type': 'application/json' }, body: answer },
})

const wireMockWith = (name: string, flags: readonly string[]): Peer => ({
  name,
  start: async () => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const quiet = ['--disable-request-logging', '--disable-banner', ...flags]
    const argv = ['java', '-Xmx512m', '-jar', jar(), '--port', `${port}`, ...quiet]
    const program = await startProgram(argv, `${url}/__admin/mappings`)
    return {
      ...program,
      url,
      load: async (stubs) => {
        await tell('DELETE', `${url}/__admin/mappings`)
        // It asks the one that came last first.
        await tell('POST', `${url}/__admin/mappings/import`, { mappings: stubs.map(mappingOf).reverse() })
      },
    }
  },
})

export const wireMock = wireMockWith('WireMock 3.13.2', ['--no-request-journal'])
/** Keeps what came, as Understudy does. */
export const wireMockWithJournal = wireMockWith('WireMock 3.13.2, journal kept', [
  '--max-request-journal-entries',
  '20000',
])
