import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { serveTest } from '../../src/cli/serve-test.ts'

test('a PROXY header and a Host header are believed, each on a connection of its own, and nothing stays', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-e2e-'))
  const outer = process.env['TMPDIR']
  process.env['TMPDIR'] = folder
  context.after(() => {
    if (outer === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = outer
    rmSync(folder, { recursive: true })
  })
  const { proxyProtocol, host } = await serveTest()
  assert.deepEqual([proxyProtocol.state, host.state], ['ok', 'ok'])
  assert.match(proxyProtocol.exchange?.originalDestination ?? '', /^127\.\d+\.\d+\.\d+:9$/)
  const step = { strategy: 'proxy-protocol', answer: 'found', detail: proxyProtocol.exchange?.originalDestination }
  assert.deepEqual(proxyProtocol.exchange?.trail, [step])
  assert.deepEqual(
    host.exchange?.trail.map(({ strategy, answer }) => [strategy, answer]),
    [
      ['proxy-protocol', 'pass'],
      ['ebpf', 'pass'],
      ['host', 'found'],
    ],
  )
  assert.deepEqual(readdirSync(folder), [])
})
