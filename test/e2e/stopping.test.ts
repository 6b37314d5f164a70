/** How the program ends while it has much to do. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const ENDLESS = { httpResponseTemplate: { templateType: 'JAVASCRIPT', template: 'for (;;) {}' } }

// A template has half a second: all of them would take minutes.
test('templates that wait to be rendered do not keep the program from ending', { timeout: 60_000 }, async (t) => {
  const env = { ...process.env, UNDERSTUDY_ADMIN_ENABLED: 'false' }
  const child = spawn(process.execPath, [PROGRAM, 'serve', '--port', '0'], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  let said = ''
  let port: number | undefined
  for await (const text of child.stderr.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    said += String(text)
    port = Number(/"port":([0-9]+)/.exec(said)?.[1])
    if (port > 0) break
  }
  child.stderr.resume()
  const url = `http://127.0.0.1:${port}`
  const { status } = await fetch(`${url}/mockserver/expectation`, { method: 'PUT', body: JSON.stringify(ENDLESS) })
  assert.equal(status, 201)
  const waiting = Array.from({ length: 300 }, () => connect(Number(port), '127.0.0.1'))
  for (const socket of waiting) {
    socket.on('error', () => undefined).write('GET /endless HTTP/1.1\r\nhost: a\r\n\r\n')
    t.after(() => socket.destroy())
  }
  // The first to be rendered has failed: the others have arrived, and wait.
  await Promise.race(waiting.map((socket) => once(socket, 'data')))
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
})
