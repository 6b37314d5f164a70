/** The script of `helm test`, against agents that are ready and agents that are not. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { CHART } from '../support/chart.ts'

const SCRIPT = readFileSync(`${CHART}/files/check-agents.js`, 'utf8')

const check = async (env: Readonly<Record<string, string>>) => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', SCRIPT], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const code = await new Promise((resolve) => child.on('close', resolve))
  return { code, text: Buffer.concat(chunks).toString() }
}

/** An agent that gives one answer after the other, the last one again and again. */
const agent = async (t: TestContext, statuses: readonly number[]): Promise<string> => {
  let asked = 0
  const server = createServer((request, response) => {
    const status = request.url === '/readyz' ? (statuses[Math.min(asked++, statuses.length - 1)] ?? 500) : 404
    response.writeHead(status).end(JSON.stringify({ ok: status === 200 }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return String((server.address() as AddressInfo).port)
}

test('agents that are ready pass', async (t) => {
  const { code, text } = await check({ AGENTS: '127.0.0.1', PORT: await agent(t, [200]) })
  assert.equal(code, 0)
  assert.match(text, /^ready http:\/\/127\.0\.0\.1:\d+\/readyz \{"ok":true\}\n$/)
})

test('an agent that is still starting is waited for', async (t) => {
  const { code } = await check({ AGENTS: '127.0.0.1', PORT: await agent(t, [503, 200]) })
  assert.equal(code, 0)
})

test('an agent that does not get ready fails, and its answer is shown', async (t) => {
  const { code, text } = await check({ AGENTS: '127.0.0.1', PORT: await agent(t, [503]), PATIENCE_MS: '0' })
  assert.equal(code, 1)
  assert.match(text, /^NOT READY .*\{"ok":false\}/)
})

test('no agent at all fails', async () => {
  const { code, text } = await check({ AGENTS: 'agents.invalid', PORT: '1', PATIENCE_MS: '0' })
  assert.equal(code, 1)
  assert.match(text, /no agent was found under agents\.invalid/)
})
