/** Certificates made by openssl for one test, so that no key is ever part of the repository. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { listen } from './plane-lab.ts'

const openssl = (folder: string, ...argv: readonly string[]): void => {
  const result = spawnSync('openssl', argv, { cwd: folder, encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`openssl ${argv.join(' ')}: ${result.stderr || result.error}`)
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

export interface Issued {
  readonly key: string
  readonly cert: string
}

export interface Authority {
  /** Its own certificate: text, and a file of it. */
  readonly cert: string
  readonly path: string
  /** A certificate for these names: `DNS:localhost,IP:127.0.0.1`. */
  issue(names: string): Issued
}

/** An authority of the test's own. */
export const createAuthority = (t: TestContext): Authority => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-certificates-'))
  t.after(() => rmSync(folder, { recursive: true }))
  openssl(
    folder,
    'req',
    '-x509',
    ...NEW_KEY,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=test authority',
    '-days',
    '2',
  )
  let count = 0
  return {
    cert: readFileSync(join(folder, 'ca.pem'), 'utf8'),
    path: join(folder, 'ca.pem'),
    issue: (names) => {
      const name = `leaf${++count}`
      writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${names}\n`)
      openssl(folder, 'req', ...NEW_KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', '/CN=test server')
      const files = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', `${name}.ext`]
      openssl(folder, 'x509', '-req', ...files, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2')
      return {
        key: readFileSync(join(folder, `${name}.key`), 'utf8'),
        cert: readFileSync(join(folder, `${name}.pem`), 'utf8'),
      }
    },
  }
}

/** An HTTPS server on 127.0.0.1; its port, and how many connections it has accepted. */
export const httpsUpstream = async (
  t: TestContext,
  options: ServerOptions,
  answer: RequestListener,
): Promise<{ readonly port: number; readonly connections: () => number }> => {
  const server = createServer(options, answer)
  let count = 0
  server.on('connection', () => {
    count++
  })
  const port = await listen(server)
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port, connections: () => count }
}
