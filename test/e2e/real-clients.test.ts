/** Clients as people have them: curl, Python, node's own. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { httpUpstream, mockOf, startPlane } from '../support/plane-lab.ts'

const run = async (command: string, ...args: readonly string[]): Promise<string> => {
  const env = { PATH: process.env['PATH'] ?? '' } // no proxy settings of the machine
  return (await promisify(execFile)(command, args, { env, timeout: 20_000 })).stdout
}
const curl = (...args: readonly string[]): Promise<string> => run('curl', '-sS', '--max-time', '15', ...args)

const echo = (t: Parameters<typeof httpUpstream>[0]) =>
  httpUpstream(t, async (incoming, outgoing) => {
    let bytes = 0
    for await (const chunk of incoming) bytes += chunk.length
    outgoing.end(`${incoming.method} ${incoming.url} ${bytes}`)
  })

test('curl is served: plain, HTTP/1.0, HEAD, several URLs on one connection', async (t) => {
  const upstream = await echo(t)
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mock')] })
  const base = `http://127.0.0.1:${lab.port}`
  assert.equal(await curl(`${base}/f`), 'GET /f 0')
  assert.equal(await curl('--http1.0', `${base}/m`), 'mock')
  assert.match(await curl('-I', `${base}/m`), /^HTTP\/1\.1 200 OK\r\n/)
  assert.equal(await curl(`${base}/m`, `${base}/f`, `${base}/m`), 'mockGET /f 0mock')
  await lab.recorded(6)
})

test('curl uploads a file that makes it wait for 100 Continue, with a length and chunked', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-curl-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'upload')
  writeFileSync(file, randomBytes(3_000_000))
  const upstream = await echo(t)
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mock')] })
  const base = `http://127.0.0.1:${lab.port}`
  assert.equal(await curl('--data-binary', `@${file}`, `${base}/f`), 'POST /f 3000000')
  assert.equal(await curl('-T', file, '-H', 'Transfer-Encoding: chunked', `${base}/f`), 'PUT /f 3000000')
  assert.equal(await curl('--data-binary', `@${file}`, `${base}/m`), 'mock')
  assert.equal(await curl('-H', 'Expect:', '--data-binary', `@${file}`, `${base}/m`), 'mock')
  await lab.recorded(4)
})

test('curl uses the explicit proxy, with absolute-form and with a tunnel', async (t) => {
  const upstream = await echo(t)
  const lab = await startPlane(t, { direction: 'direct', expectations: [mockOf('/m', 'mock')] })
  const proxy = ['-x', `http://127.0.0.1:${lab.port}`]
  const base = `http://127.0.0.1:${upstream.endpoint.port}`
  assert.equal(await curl(...proxy, `${base}/f`, `${base}/m`), 'GET /f 0mock')
  assert.equal(await curl(...proxy, '--proxytunnel', `${base}/f`, `${base}/m`), 'GET /f 0mock')
  assert.equal(await curl(...proxy, 'http://no-such-host.invalid/m'), 'mock')
  await lab.recorded(5)
})

const PYTHON = `
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=15)
for method, path, body in (("GET", "/f", None), ("POST", "/m", b"x" * 1000), ("POST", "/f", (b"ab", b"cd")), ("HEAD", "/m", None)):
    connection.request(method, path, body, encode_chunked=isinstance(body, tuple), headers={"Transfer-Encoding": "chunked"} if isinstance(body, tuple) else {})
    answer = connection.getresponse()
    print(answer.status, answer.read().decode())
`

test('Python keeps one connection for mocked and forwarded requests', async (t) => {
  const upstream = await echo(t)
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mock')] })
  const output = await run('python3', '-S', '-E', '-c', PYTHON, `${lab.port}`)
  assert.equal(output, '200 GET /f 0\n200 mock\n200 POST /f 4\n200 \n')
  await lab.recorded(4)
})

test('fetch streams an upload and keeps its connection', async (t) => {
  const upstream = await echo(t)
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mock')] })
  const base = `http://127.0.0.1:${lab.port}`
  const body = new ReadableStream({
    start: (controller) => {
      controller.enqueue(new Uint8Array(70_000))
      controller.enqueue(new Uint8Array(30_000))
      controller.close()
    },
  })
  const streamed = await fetch(`${base}/f`, { method: 'POST', body, duplex: 'half' })
  assert.equal(await streamed.text(), 'POST /f 100000')
  assert.equal(await (await fetch(`${base}/m`)).text(), 'mock')
  await lab.recorded(2)
})
