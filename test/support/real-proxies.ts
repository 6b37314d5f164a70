/** HAProxy and nginx in front of a port of ours, each on a socket that is open before they start: no port is guessed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so'
const SYSTEM_PATH = '/usr/local/sbin:/usr/sbin:/sbin'
/** Where the child finds the listening socket. */
const INHERITED_FD = 3

interface Program {
  /** The port it serves. */
  readonly port: number
}

/** Starts a program that inherits a listening socket; `argv` gets its port and a folder for its files. */
const startBehind = async (
  t: TestContext,
  argv: (port: number, folder: string) => readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Program> => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-proxy-'))
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const fd: unknown = Reflect.get(Reflect.get(server, '_handle') as object, 'fd')
  const [command = '', ...args] = argv(port, folder)
  const child: ChildProcess = spawn(command, args, {
    env: { ...env, PATH: `${process.env['PATH'] ?? ''}:${SYSTEM_PATH}` },
    stdio: ['ignore', 'ignore', 'inherit', Number(fd)],
    detached: true, // a group of its own, so that its workers end with it
  })
  server.close()
  const gone = once(child, 'exit')
  t.after(async () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    await gone
    rmSync(folder, { recursive: true })
  })
  await once(child, 'spawn')
  return { port }
}

const HAPROXY = `
global
  log stderr format raw local0 emerg
defaults
  mode tcp
  timeout connect 8s
  timeout client 8s
  timeout server 8s
  retries 0
`

/** HAProxy, which connects to `target` with the server options given, such as `send-proxy`. */
export const startHaproxy = (
  t: TestContext,
  target: number,
  { bind = '', server = '', backend = '' }: { bind?: string; server?: string; backend?: string },
): Promise<Program> =>
  startBehind(t, (_, folder) => {
    const file = join(folder, 'haproxy.cfg')
    const front = `frontend front\n  bind fd@${INHERITED_FD} ${bind}\n  default_backend back\n`
    const back = `backend back\n  ${backend}\n  server one 127.0.0.1:${target} ${server}\n`
    writeFileSync(file, `${HAPROXY}${front}${back}`)
    return ['haproxy', '-q', '-db', '-f', file]
  })

/** nginx, which relays streams to `target` with a PROXY header in front. */
export const startNginxStream = (t: TestContext, target: number): Promise<Program> =>
  startBehind(
    t,
    (port, folder) => {
      const file = join(folder, 'nginx.conf')
      const lines = [
        existsSync(STREAM_MODULE) ? `load_module ${STREAM_MODULE};` : '',
        'daemon off;',
        `pid ${folder}/pid;`,
        'events { worker_connections 64; }',
        `stream { server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${target}; proxy_protocol on; } }`,
      ]
      writeFileSync(file, lines.join('\n'))
      return ['nginx', '-p', folder, '-e', join(folder, 'errors'), '-c', file]
    },
    { NGINX: `${INHERITED_FD};` },
  )
