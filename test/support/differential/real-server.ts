/** A real MockServer on a free port of this machine, from the npm package that carries it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const INSTALL_MS = 240_000
const START_MS = 60_000
const POLL_MS = 100

export const hasJava = (): boolean => spawnSync('java', ['-version']).status === 0

/** The jar of a version, fetched with npm into `folder`; undefined where it cannot be had. */
const jarIn = (folder: string, version: string): string | undefined => {
  const home = join(folder, 'node_modules/mockserver-node')
  if (!existsSync(home)) {
    const flags = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder]
    const { status } = spawnSync('npm', ['install', ...flags, `mockserver-node@${version}`], { timeout: INSTALL_MS })
    if (status !== 0) return undefined
  }
  const name = readdirSync(home).find((each) => each.endsWith('-with-dependencies.jar'))
  return name && join(home, name)
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/mockserver/status`, { method: 'PUT' }).then(
    (response) => response.ok,
    () => false,
  )

const waitFor = async (port: number, child: ChildProcess): Promise<void> => {
  const deadline = Date.now() + START_MS
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`MockServer ended with ${child.exitCode}`)
    if (Date.now() > deadline) throw new Error('MockServer does not answer')
    await pause(POLL_MS)
  }
}

export interface RealServer {
  readonly port: number
  close(): Promise<void>
}

/** `folder`: where the package is, or is put; a folder of its own that goes with the server, where left out. */
export const startRealServer = async (version: string, folder?: string): Promise<RealServer | 'no package'> => {
  const home = folder ?? mkdtempSync(join(tmpdir(), 'understudy-differential-'))
  const tidy = (): void => {
    if (folder === undefined) rmSync(home, { recursive: true, force: true })
  }
  const jar = jarIn(home, version)
  if (jar === undefined) {
    tidy()
    return 'no package'
  }
  const port = await freePort()
  const settings = [
    '-Dmockserver.disableSystemOut=true',
    '-Dmockserver.logLevel=INFO',
    '-Dmockserver.localBoundIP=127.0.0.1',
  ]
  // It writes files to where it runs.
  const child = spawn('java', ['-Xmx768m', ...settings, '-jar', jar, '-serverPort', `${port}`], {
    cwd: home,
    stdio: 'ignore',
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()))
  const close = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    tidy()
  }
  try {
    await waitFor(port, child)
  } catch (error) {
    await close()
    throw error
  }
  return { port, close }
}
