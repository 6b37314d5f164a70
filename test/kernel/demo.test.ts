/** `make demo` is the first thing a newcomer runs: it is run here as written, and read as a person would. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { requireKernel } from '../support/lab.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TIMEOUT_MS = 120_000

/** Those of the demo that ran as `pid`; other tests make and remove theirs meanwhile. */
const namespacesOf = (pid: number): string[] =>
  readdirSync('/run/netns').filter((name) => name.startsWith('understudy-demo-') && name.endsWith(`-${pid}`))

describe('the demo', { skip: requireKernel() }, () => {
  let shown = { pid: 0, stdout: '', stderr: '', status: null as number | null }

  before(() => {
    shown = spawnSync('./scripts/demo.sh', { cwd: ROOT, encoding: 'utf8', timeout: TIMEOUT_MS })
  })
  after(() => assert.deepEqual(namespacesOf(shown.pid), [], 'the demo left a network namespace behind'))

  test('it succeeds', () => {
    assert.equal(shown.status, 0, shown.stdout + shown.stderr)
  })

  test('each program has one call mocked and one forwarded to the real server', () => {
    for (const program of ['curl', 'python', 'node']) {
      assert.match(shown.stdout, new RegExp(`^${program} .*GET /orders/.*understudy`, 'm'))
      assert.match(shown.stdout, new RegExp(`^${program} .*GET /catalogue.*the real nginx`, 'm'))
    }
  })

  test('curl believes it talked to the address it asked for', () => {
    assert.match(shown.stdout, /\[peer 10\.200\.0\.2 port 80\]/)
    assert.match(shown.stdout, /\[peer fd00:200::2 port 80\]/)
  })

  test('the table says where each call was going and that the kernel said so', () => {
    assert.match(shown.stderr, /curl +GET +10\.200\.0\.2 +\/orders\/7 +10\.200\.0\.2:80 +ebpf +mocked +200/)
    assert.match(shown.stderr, /python3? +GET +10\.200\.0\.2 +\/catalogue +10\.200\.0\.2:80 +ebpf +forwarded +200/)
    assert.match(shown.stderr, /7 exchanges: 4 mocked, 3 forwarded/)
  })

  test('a service that exists nowhere is mocked by its name', () => {
    assert.match(shown.stdout, /"amount" : 4200/)
    assert.match(shown.stderr, /curl +GET +payments\.internal +\/charges\/1 +payments\.internal:80 +dns +mocked +200/)
  })

  test("a client of the program's own port is answered by the program, and seen", () => {
    assert.match(shown.stdout, /^server: understudy\r?$/m)
    assert.match(shown.stdout, /\{"from":"the application","client":"10\.200\.0\.1"\}/)
    assert.match(shown.stderr, / in +- +GET +10\.200\.0\.2:8080 +\/status +10\.200\.0\.2:8080 +ebpf +forwarded +200/)
  })

  test('the real server saw only the forwarded calls, from the address of the program', () => {
    const seen = shown.stdout.split('\n').filter((line) => line.startsWith('10.200.0.1 - - '))
    assert.equal(seen.length, 3)
    assert.ok(seen.every((line) => line.includes('"GET /catalogue')))
  })
})
