import { join } from 'node:path'
import type { Peer } from './peer.ts'
import { freePort, packaged, startProgram, tell } from './program.ts'

const mockttpWith = (name: string, mode: 'quiet' | 'record'): Peer => ({
  name,
  start: async () => {
    packaged('mockttp')
    const [port, controlPort] = [await freePort(), await freePort()]
    const control = `http://127.0.0.1:${controlPort}`
    const argv = [process.execPath, join(import.meta.dirname, 'mockttp-server.ts'), `${port}`, `${controlPort}`, mode]
    const program = await startProgram(argv, control)
    return { ...program, url: `http://127.0.0.1:${port}`, load: (stubs) => tell('PUT', control, stubs) }
  },
})

export const mockttp = mockttpWith('Mockttp 4.6.5', 'quiet')
/** Keeps what came, as Understudy does. */
export const mockttpRecording = mockttpWith('Mockttp 4.6.5, traffic recorded', 'record')
