import type { Peer, Stub } from './peer.ts'
import { freePort, packaged, startProgram, tell } from './program.ts'

const stubOf = ({ method, path, json, answer }: Stub): unknown => {
  const request = { ...(method === undefined ? {} : { method }) }
  const literal = 'literal' in path ? { path: path.literal } : {}
  const pattern = 'pattern' in path ? [{ matches: { path: `^(?:${path.pattern})$` } }] : []
  return {
    predicates: [
      { equals: { ...request, ...literal } },
      ...pattern,
      ...(json === undefined ? [] : [{ deepEquals: { body: json } }]),
    ],
    // Without that header it closes the connection after each answer.
    responses: [
      {
        is: {
          statusCode: 200,
          headers: { 'content-type': 'application/json', connection: 'keep-alive' },
          body: answer,
        },
      },
    ],
  }
}

export const mountebank: Peer = {
  name: 'mountebank 2.9.2',
  start: async () => {
    const [adminPort, port] = [await freePort(), await freePort()]
    const admin = `http://127.0.0.1:${adminPort}`
    const quiet = ['--nologfile', '--loglevel', 'error']
    const argv = [process.execPath, packaged('@mbtest/mountebank/bin/mb'), '--port', `${adminPort}`, ...quiet]
    const program = await startProgram(argv, `${admin}/imposters`)
    return {
      ...program,
      url: `http://127.0.0.1:${port}`,
      load: async (stubs) => {
        await tell('DELETE', `${admin}/imposters`)
        await tell('POST', `${admin}/imposters`, { port, protocol: 'http', stubs: stubs.map(stubOf) })
      },
    }
  },
}
