/** A service is recorded through `serve` as a proxy, and replayed without it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const UNDERSTUDY = fileURLToPath(new URL('../../bin/understudy', import.meta.url))

interface Served {
  readonly port: number
  /** Ends it; its exit code and what it has said. */
  end(): Promise<{ readonly code: number | null; readonly stderr: string }>
}

const serve = async (t: TestContext, ...args: string[]): Promise<Served> => {
  const child = spawn(UNDERSTUDY, ['serve', '--port', '0', ...args], {
    env: { ...process.env, UNDERSTUDY_ADMIN_ENABLED: 'false', NODE_TEST_CONTEXT: '' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  let stderr = ''
  const port = await new Promise<number>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
      const found = /"port":(\d+).*"msg":"serving"/.exec(stderr)?.[1]
      if (found) resolve(Number(found))
    })
    child.on('exit', (code) => reject(new Error(`ended with ${code}: ${stderr}`)))
  })
  return {
    port,
    end: async () => {
      child.kill('SIGTERM')
      const [code] = await once(child, 'exit')
      return { code, stderr }
    },
  }
}

/** One request to a proxy for the host `orders.test`, at whatever port it is. */
const ask = async (proxy: number, to: number, path: string, headers: Record<string, string> = {}, body = '') => {
  const method = body === '' ? 'GET' : 'POST'
  const url = `http://127.0.0.1:${to}${path}`
  const sent = request({
    host: '127.0.0.1',
    port: proxy,
    method,
    path: url,
    headers: { ...headers, host: 'orders.test' },
  })
  sent.end(body)
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return `${response.statusCode} ${text}`
}

/** A service that wants a token, and has a job that takes three looks. */
const startService = async (t: TestContext): Promise<number> => {
  let looks = 0
  const server = createServer(async (incoming, outgoing) => {
    let body = ''
    for await (const chunk of incoming) body += chunk
    outgoing.setHeader('set-cookie', 'session=canary-cookie')
    if (incoming.url === '/job') outgoing.end(++looks < 3 ? 'pending' : 'done')
    else if (incoming.headers.authorization !== 'Bearer canary-token') outgoing.writeHead(401).end('who?')
    else outgoing.end(`you sent ${body || 'nothing'}`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

const folder = (t: TestContext): string => {
  const path = mkdtempSync(join(tmpdir(), 'understudy-replay-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

test('a service is recorded, and answers the same when it is gone', async (t) => {
  const file = join(folder(t), 'orders.json')
  const service = await startService(t)
  const recorder = await serve(t, '--record-expectations', file)
  const token = { authorization: 'Bearer canary-token' }
  const conversation = async (proxy: number): Promise<string[]> => [
    await ask(proxy, service, '/orders', token),
    await ask(proxy, service, '/orders'),
    await ask(proxy, service, '/orders', { ...token, 'content-type': 'text/plain' }, 'tea'),
    await ask(proxy, service, '/job'),
    await ask(proxy, service, '/job'),
    await ask(proxy, service, '/job'),
  ]
  const recorded = await conversation(recorder.port)
  assert.deepEqual(recorded.slice(0, 3), ['200 you sent nothing', '401 who?', '200 you sent tea'])
  assert.equal((await recorder.end()).code, 0)
  const text = readFileSync(file, 'utf8')
  assert.doesNotMatch(text, /canary/)
  assert.equal(statSync(file).mode & 0o777, 0o600)

  const replayer = await serve(t, '--replay', file)
  const replayed = await conversation(replayer.port)
  // Two looks with one answer are one step of a sequence.
  assert.deepEqual(replayed, [...recorded.slice(0, 4), '200 done', '200 done'])
  assert.match(await ask(replayer.port, service, '/orders/9?token=canary', token), /^404/)
  assert.match(await ask(replayer.port, service, '/orders/9?token=canary', token), /^404/)
  const { stderr } = await replayer.end()
  assert.match(
    stderr,
    /not in the recording:\n {2}GET orders\.test\/orders\/9\?token=\*\*\* \(2 times\): closest is "GET orders\.test\/orders/,
  )
  assert.match(stderr, /the path is \/orders\/9, expected \/orders/)
})

test('a file that is no recording is left alone', async (t) => {
  const file = join(folder(t), 'mine.json')
  writeFileSync(file, '[]')
  await assert.rejects(serve(t, '--record-expectations', file), /it is there, and no recording.*remove the file first/s)
  assert.equal(readFileSync(file, 'utf8'), '[]')
})

test('a recording takes the place of the last one', async (t) => {
  const file = join(folder(t), 'orders.json')
  for (let round = 0; round < 2; round++)
    assert.equal((await (await serve(t, '--record-expectations', file)).end()).code, 0)
  assert.deepEqual((JSON.parse(readFileSync(file, 'utf8')) as { expectations: unknown[] }).expectations, [])
})

test('a path that cannot be written to is told at the start', async (t) => {
  const file = join(folder(t), 'missing', 'orders.json')
  await assert.rejects(
    serve(t, '--record-expectations', file),
    /cannot write a recording to .*orders\.json.*FILE_UNWRITABLE/s,
  )
  assert.equal(existsSync(file), false)
})

test('nothing is left beside the recording', async (t) => {
  const place = folder(t)
  chmodSync(place, 0o700)
  await (await serve(t, '--record-expectations', join(place, 'orders.json'))).end()
  assert.deepEqual(readdirSync(place), ['orders.json'])
})
