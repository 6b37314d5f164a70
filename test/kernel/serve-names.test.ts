/** `understudy serve` as the way out of programs that only know a name: in a namespace whose port 443 is free. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExchangeLine } from '../../src/record/line.ts'
import { labTest, until } from '../support/lab.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const test = labTest('serve-names')

test('TLS to the proxy arrives at the server that its SNI names', async (lab, t) => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-names-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [key, cert, record] = ['key.pem', 'cert.pem', 'records.ndjson'].map((name) => join(folder, name))
  assert.ok(key && cert && record)
  const asked = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
  const made = await lab.run('app', ['openssl', ...asked, '-subj', '/CN=localhost', '-keyout', key, '-out', cert])
  assert.equal(made.code, 0, made.stderr)
  const server = lab.start('app', [
    'openssl',
    's_server',
    '-accept',
    '127.0.0.1:443',
    '-www',
    '-key',
    key,
    '-cert',
    cert,
  ])
  const serve = [join(ROOT, 'src/main.ts'), 'serve', '--port', '1080', '--record', record]
  const proxy = lab.start('app', [process.execPath, ...serve])
  t.after(() => {
    server.kill()
    proxy.kill()
  })
  await server.said('ACCEPT')
  await until('the proxy to listen', async () => {
    const { stdout } = await lab.run('app', ['ss', '-Hltn', 'sport = :1080'])
    return stdout.includes(':1080')
  })

  const way = ['--noproxy', '*', '--connect-to', 'localhost:443:127.0.0.1:1080', '--cacert', cert]
  const seen = await lab.run('app', ['curl', '-qsS', ...way, 'https://localhost/'])
  assert.equal(seen.code, 0, seen.stderr)
  assert.match(seen.stdout, /Server certificate|Cipher/)
  proxy.kill('SIGTERM')
  await proxy.finished
  const lines = readFileSync(record, 'utf8').trimEnd().split('\n')
  assert.equal(lines.length, 1)
  const { protocol, serverName, resolvedBy, destination, decision } = JSON.parse(lines[0] ?? '') as ExchangeLine
  assert.deepEqual(
    { protocol, serverName, resolvedBy, destination, decision },
    { protocol: 'tls', serverName: 'localhost', resolvedBy: 'host', destination: 'localhost:443', decision: 'relay' },
  )
})
