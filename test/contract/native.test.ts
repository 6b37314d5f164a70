import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../tidy/tree.ts'

const NO_COMPILER = 77

test('the C halves survive misuse under the address and undefined-behaviour sanitizers', (context) => {
  const result = spawnSync(join(ROOT, 'native/test/run.sh'), { encoding: 'utf8', timeout: 120_000 })
  if (result.status === NO_COMPILER && process.env['UNDERSTUDY_REQUIRE_KERNEL'] !== '1') {
    return context.skip(result.stdout.trim())
  }
  assert.equal(result.status, 0, `${result.stdout}${result.stderr}`)
  for (const line of result.stdout.trim().split('\n')) context.diagnostic(line)
})
